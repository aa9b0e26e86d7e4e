"""The auditor's tools: read a hub's log wherever it lies and trust nobody. Import `schemas` and `keys` alone.

`trust` says by which keys, `sources` reads (the auditor's own door to SQLite, files and HTTP), `verification` judges a
whole log, `entry` proves one entry.
"""
