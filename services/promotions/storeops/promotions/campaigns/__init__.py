"""Campaigns: spend X, get Y off (PRM-1)."""
