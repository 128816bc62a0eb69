"""When an order must be paid and must leave: promises, rushes and the clocks that stand for them (ORD-2, ORD-3)."""
