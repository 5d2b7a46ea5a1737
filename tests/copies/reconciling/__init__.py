"""Reconciliation of the ledger with Azure."""
