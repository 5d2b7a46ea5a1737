"""The bodies of requests about virtual machines: what each field takes."""
