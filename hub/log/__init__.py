"""The audit log: a batch of leaves is one transaction, and its commit is when anything becomes true."""
