"""Reads that are shared: kept for a time, or given up at a moment."""
