"""Replication protected items."""
