"""Schedules: the moments at which a policy is due. Pure: the time is an argument, nothing is read or stored.

`schedule` has the slots between two moments, `cron` and `every` the two recurrences, `windows` the times of day at which a slot may begin,
`zones` the IANA time zones, `catching_up` what is due now and what was missed, `checks` what is refused.
"""
