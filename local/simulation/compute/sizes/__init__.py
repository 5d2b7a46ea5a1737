"""Sizes of virtual machines with their capabilities and restrictions, and the quotas of cores."""
