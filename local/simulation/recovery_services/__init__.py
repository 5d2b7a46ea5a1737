"""Microsoft.RecoveryServices: vaults, and Site Recovery within them (docs/azure/site-recovery.md)."""
