"""Key Vault: secrets of the estate's vaults, below `/_keyvault/{name}`."""
