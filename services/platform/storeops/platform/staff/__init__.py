"""The people of a shop and what they may do where."""
