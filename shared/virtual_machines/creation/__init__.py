"""The creation of a machine: what is read for it, what of it is refused, and what is made in which order."""
