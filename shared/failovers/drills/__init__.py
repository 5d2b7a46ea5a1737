"""Drills: test failovers on a schedule, always cleaned up, with a result per item and a report over time.

`models` is what callers send and get, `store` keeps policies and runs, `service` is what entry points and the timer call. What is due, and
how an item stands, is decided in `shared.failovers.drills.rules`.
"""
