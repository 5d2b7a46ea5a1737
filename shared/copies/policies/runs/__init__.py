"""Runs of copy policies: what is done for one slot, or on request.

`deciding` is the code that runs and plans share, `items` what a run has decided of each VM, `workflow` the steps, `slots` the timer,
`service` what callers do.
"""
