"""Brands and their stores."""
