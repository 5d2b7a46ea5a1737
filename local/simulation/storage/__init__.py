"""Microsoft.Storage: storage accounts, read only; what readiness looks at is their region and redundancy."""
