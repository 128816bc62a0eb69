"""Customer service: tickets that keep customers from finding out first (ORD-4), and are settled in time (CSV-2)."""
