"""Tests of restores and drills."""
