"""What every service of the simulated Azure has in common: calls, access, errors, throttling."""
