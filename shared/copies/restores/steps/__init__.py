"""The steps of a restore, and their effects."""
