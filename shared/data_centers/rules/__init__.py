"""Decisions about data centers; no I/O."""
