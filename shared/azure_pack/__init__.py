"""A client library for Windows Azure Pack (docs/azure/azure-pack.md). It imports nothing of the project but `shared.values`."""
