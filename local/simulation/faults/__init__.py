"""Faults on demand: which request they match and what they do."""
