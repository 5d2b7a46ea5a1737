"""What several services do alike: locks, conditional requests, members of a body."""
