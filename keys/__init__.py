"""Who may say it: suites, container, signatures, proofs, key directory, custody. Imports `schemas` alone."""
