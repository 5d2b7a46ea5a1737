"""HTTP: who called, what was asked, and how it is answered. Knows nothing of any capability."""
