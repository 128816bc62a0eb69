"""Quotes: baskets with their money, line by line, that explain themselves (PRM-2)."""
