"""Audit trails: entries chained by hash, whose head is anchored in immutable storage."""

from typing import Final

AUDIT: Final = "audit"
"""The table of audit trails, and the container of their anchors."""
