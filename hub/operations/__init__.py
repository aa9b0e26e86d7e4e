"""What an operator is told: numbers, the alerts judged by them, and what to do (docs/runbook/)."""
