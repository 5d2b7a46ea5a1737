"""Virtual machines and networks of a subscription, over VMM."""
