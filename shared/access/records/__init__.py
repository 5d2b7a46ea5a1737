"""What the registry stores: tenants, hosting plans, and the claims that decide which tenant owns what."""
