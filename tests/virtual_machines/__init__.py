"""Virtual machines: rules and requests."""
