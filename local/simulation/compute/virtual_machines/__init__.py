"""Virtual machines and availability sets: made, changed, started and stopped, captured, deleted."""
