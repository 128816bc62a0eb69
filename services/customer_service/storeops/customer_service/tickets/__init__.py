"""Tickets: one case per cause, its history, notes and settlement. Knows no stock, no parcel and no money."""
