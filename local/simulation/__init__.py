"""A simulated Azure: Resource Manager's paths with Azure's rules, a token issuer, and a clock of its own, in one process."""
