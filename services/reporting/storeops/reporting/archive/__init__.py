"""The archive: every event that was ever on the bus, in the order it came in. Rows are never changed or removed."""
