"""Copy policies in storage: rows, and the index of what is due."""
