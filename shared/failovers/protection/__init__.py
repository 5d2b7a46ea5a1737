"""Protection policies: a cloud's new machines are protected without anybody asking.

`models` is what callers send and see, `store` what is noted of machines, `service` what entry points and the timer call; the decisions are
in `shared.failovers.protection.rules`.
"""
