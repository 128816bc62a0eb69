"""Every look-up of the stock area."""
