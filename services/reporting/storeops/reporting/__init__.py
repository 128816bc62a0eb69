"""The reporting service: keeps every event and reads the figures out of them. `app.py` is its table of contents."""
