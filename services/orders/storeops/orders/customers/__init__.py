"""Who buys: one customer per store and channel account or phone; the only place of names, phones and addresses."""
