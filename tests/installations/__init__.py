"""Tests of installations and of the subscriptions that tenants have on them."""
