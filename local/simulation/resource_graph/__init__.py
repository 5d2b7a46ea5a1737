"""Microsoft.ResourceGraph: one query over the resources of many subscriptions, some time behind Resource Manager."""
