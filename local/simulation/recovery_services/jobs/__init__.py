"""Site Recovery jobs."""
