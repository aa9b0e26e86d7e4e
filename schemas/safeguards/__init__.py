"""The safeguards: executable rules, one file a rule, each with the text behind it (domain.md 7, docs/safeguards.md)."""
