"""Recovery plans."""
