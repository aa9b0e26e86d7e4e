"""The common language, pure: what is said. Imports nothing of ours."""
