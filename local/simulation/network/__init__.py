"""Microsoft.Network: virtual networks, to read."""
