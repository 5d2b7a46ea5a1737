"""Who calls, and what is whose: roles, the caller, the tenant registry, ownership. Knows nothing of HTTP or of any capability."""
