"""How orders come in: placed on own sites or taken from channels, allocated, paid, expired (ORD-1, ORD-2, ORD-12)."""
