"""Area: warehouses, what lies in them, and what of it is promised to whom."""
