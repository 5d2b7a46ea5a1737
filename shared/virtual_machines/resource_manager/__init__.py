"""Machines on Azure Resource Manager. Reads and writes are lean calls without an SDK's models, so that no cold start pays for them."""
