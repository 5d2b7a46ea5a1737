"""Tests of data centers and installations."""
