"""The simulated Azure Pack: its listeners, its rules, and what it holds (docs/azure-pack.md)."""
