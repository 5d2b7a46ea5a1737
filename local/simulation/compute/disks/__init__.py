"""Managed disks: made, changed, read, opened with a shared access signature, deleted."""
