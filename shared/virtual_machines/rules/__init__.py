"""Pure rules of virtual machines: no I/O, no SDK."""
