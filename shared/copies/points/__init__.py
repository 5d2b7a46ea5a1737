"""The ledger of restore points of VMs: which run or copy made each, and which copies were requested of it."""
