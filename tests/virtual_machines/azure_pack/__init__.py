"""Tests of machines of tenants on Azure Pack."""
