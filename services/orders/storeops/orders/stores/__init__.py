"""Stores as this service knows them: a copy of what the platform says."""
