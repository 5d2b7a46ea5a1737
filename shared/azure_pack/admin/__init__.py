"""The administrator's API."""
