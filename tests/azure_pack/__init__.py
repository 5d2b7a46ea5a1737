"""The library for Azure Pack, over real TLS against the simulated installation."""
