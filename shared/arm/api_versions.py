"""The api-versions that calls without the SDK's models use; the same ones that azure-mgmt-compute 39 and Site Recovery 2.0 send.

Source: docs/azure/restore-points.md, docs/azure/site-recovery.md ("Client").
"""

COMPUTE = "2026-04-01"
"""Virtual machines."""

COMPUTE_RESTORE_POINTS = "2026-04-01"
"""Restore point collections and restore points."""

DISKS = "2026-03-02"
"""Managed disks, snapshots and disk restore points."""

SITE_RECOVERY = "2025-08-01"
"""Everything below `Microsoft.RecoveryServices/vaults/{vault}/replication…`."""

SUBSCRIPTIONS = "2022-12-01"
"""Subscriptions and their locations."""

RESOURCE_GROUPS = "2021-04-01"
"""Resource groups."""

RESOURCE_GRAPH = "2022-10-01"
"""Azure Resource Graph."""

NETWORKS = "2024-05-01"
"""Virtual networks."""

VAULTS = "2024-04-01"
"""Recovery Services vaults themselves."""

STORAGE_ACCOUNTS = "2024-01-01"
"""Storage accounts."""

MACHINE_WRITES = "2025-04-01"
"""PUT and PATCH of virtual machines: from 2025-11-01 on, trusted launch is the default (docs/azure/restore-points.md)."""

RESOURCES = "2021-04-01"
"""Lists of all resources of a subscription or a resource group."""

SKUS = "2021-07-01"
"""The sizes and disk types that a subscription can use."""

IMAGES = "2024-07-01"
"""Managed images and platform images."""

GALLERIES = "2024-03-03"
"""Images of compute galleries and their versions."""
