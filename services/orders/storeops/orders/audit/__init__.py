"""Whether an order may go to the warehouse: the review of paid orders and everything that holds one (审单, ORD-15)."""
