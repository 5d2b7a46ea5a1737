"""Microsoft.Compute: virtual machines, disks, restore point collections, restore points, disk restore points."""
