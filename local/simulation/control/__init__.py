"""The control surface, the clock and what survives a restart."""
