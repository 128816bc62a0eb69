"""Use cases of the stock area, one module for each family of changes."""
