"""Plans: what the next run of a policy would do, by reads only, and what that takes."""
