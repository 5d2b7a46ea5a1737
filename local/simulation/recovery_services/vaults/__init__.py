"""Vaults and the things in them."""
