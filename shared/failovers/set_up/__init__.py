"""Set-up of protection: replication policies, network mappings, protected items, recovery plans.

`requests` holds the bodies of requests, `planning` decides which writes a request needs, `workflow` carries them out, `service` is called
by entry points. `rules`, `policy_rules` and `plan_rules` make the bodies of the writes.
"""
