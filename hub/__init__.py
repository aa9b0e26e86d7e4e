"""What happens to a message: intake, log, delivery, cases. Never imports `adapters`."""
