"""Area: what can be stocked at all: the SKUs of each brand."""
