"""Accepts requests for changes: what can be refused at once is refused, the rest is the operation's to find."""
