"""The hub's database: its tables, what is written to them, and how they are read. One SQLite file."""
