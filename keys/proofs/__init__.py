"""Proofs of the audit log: written by the hub, checked by edges and auditors with the same pure code."""
