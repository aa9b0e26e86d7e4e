"""The roles in which an authority acts (domain.md 10)."""

ROLES = ("BG", "DOC", "POL", "VIS", "CON", "MIG", "RET", "CIV", "LO", "STAT", "DPO")
"""Border guard, document-fraud unit, police, visa authority, consulate or mission, migration office, return unit, civil
registry, liaison officer, statistics, data protection officer."""
