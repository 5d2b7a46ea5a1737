"""What a tenant may have and what it has: limits of its document and plan, and what is counted in its subscriptions."""
