"""Microsoft.Network: virtual networks to read; interfaces, security groups, public addresses and load balancers."""
