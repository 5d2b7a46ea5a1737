"""Protection policies: the new machines of a cloud are protected without a request for each.

`models` holds requests and answers, `store` the notes on machines, `service` is called by entry points and by the timer, `rules` decides.
"""
