"""Promotions: what a store offers, for how much, and which campaign makes a basket cheaper."""
