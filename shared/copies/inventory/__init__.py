"""Which VMs there are: the inventory of a tenant's subscriptions, and the proof that it is complete.

`facts` has what a run needs to know of a VM, `listing` and `graph` read it in two ways with the same answer, `reader` chooses.
"""
