"""What hub and adapters share: settings, log events, problem documents, HTTP and SQLite. Knows no message kind."""
