"""Transport between the log and delivery: one contract, embedded here, Kafka beside it. Never evidence."""
