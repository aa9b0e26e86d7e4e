"""Transliteration: how a name could be spelt in the zone's 26 letters.

Candidates to match with, never a spelling to store.
"""
