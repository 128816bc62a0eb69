"""The warehouse's work on orders: released, packed, handed over, watched by the ship clocks (ORD-3 … ORD-8)."""
