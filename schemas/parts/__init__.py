"""Blocks that several kinds share (domain.md 11.0): a model for the form, a function for the rules between fields."""
