"""Setting up protection: replication policies, network mappings, protected items, recovery plans.

`requests` is what callers send, `planning` reads Azure and decides which writes a request needs, `workflow` carries them out, `service` is
what entry points call. The bodies of the writes are in `shared.failovers.set_up.rules`.
"""
