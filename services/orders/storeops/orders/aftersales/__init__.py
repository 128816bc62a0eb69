"""How an order is undone: cancelled, settled with its customer, its money sent back (ORD-4, ORD-10)."""
