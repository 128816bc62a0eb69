"""The orders service: from every channel to the courier within 24 hours."""
