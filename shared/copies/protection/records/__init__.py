"""The rows of protection: a VM, the counts of a tenant, the index of what is due."""
