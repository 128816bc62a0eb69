"""Listings: what a store offers, on the shelf or off it, with who and why (LST-3)."""
