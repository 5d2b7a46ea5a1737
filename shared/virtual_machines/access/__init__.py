"""Read access to disks for a limited time, by a shared access signature (docs/design/virtual-machines.md, "Access to disks")."""
