"""The queues of what tenants have: machines and data centers share them."""

from typing import Final

REQUESTS: Final = "tenant-requests"
"""Takes other systems' messages; each names its kind and its tenant."""
STEPS: Final = "tenant-steps"
CHECKS: Final = "tenant-checks"
