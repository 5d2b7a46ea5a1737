"""A tenant's virtual machines, images, disks and services (docs/design/virtual-machines.md)."""
