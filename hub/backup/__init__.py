"""A copy of a hub beside its running processes, and a hub made of such a copy, proved before anyone may start it."""
