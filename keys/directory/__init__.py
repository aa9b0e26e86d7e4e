"""The key directory: who is a partner, with which keys, under which agreements. A TUF repository (formats.md D.1)."""
