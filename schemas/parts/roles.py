"""The roles in which an authority acts (domain.md 10)."""

from schemas.codes.lists import ordered

ROLES = ordered("role")
"""As the list `role` has them, which also says what each is."""
