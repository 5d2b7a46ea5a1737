"""Accepts restores: what a request means, the restore points that it names, the checks before an acceptance."""
