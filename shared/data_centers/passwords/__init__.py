"""The passwords of data centers' users, and the links that show each once."""
