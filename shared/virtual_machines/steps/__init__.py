"""The steps of operations on machines, and the checks that follow them."""
