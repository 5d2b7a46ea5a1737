"""The steps of operations on data centers."""
