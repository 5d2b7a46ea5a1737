"""Drills of copy policies: when one is due, on which VMs, and their beginning by the timer."""
