"""What the hub decides by rule, purely: whether a verified message may pass. Told the time, reads nothing."""
