"""Images: those of the platform, and managed ones."""
