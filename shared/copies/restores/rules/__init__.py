"""The rules of restores: pure decisions on requests, on what a restore point captured, and on what Azure shows."""
