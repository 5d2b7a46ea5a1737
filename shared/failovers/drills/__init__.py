"""Drills: test failovers on a schedule, cleaned up afterwards.

`models` holds requests and answers, `store` the runs, `service` is called by entry points and by the timer, `rules` decides what is due.
"""
