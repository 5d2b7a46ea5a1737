"""Microsoft.RecoveryServices: vaults, and Site Recovery within them (facts/site-recovery.md)."""
