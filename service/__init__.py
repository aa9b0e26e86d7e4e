"""What hub and adapters share: settings, log events, problem documents, HTTP and SQLite wiring. Knows no message kind."""
