"""Copy policies as callers manage them: documents under conditions, what Azure shows of them, plans."""
