"""Machines of tenants on Windows Azure Pack: the second backend of the capability (docs/design/azure-pack.md)."""
