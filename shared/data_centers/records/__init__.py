"""Data centers as they are stored."""
