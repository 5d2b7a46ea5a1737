"""Changes of the configuration of a vault."""
