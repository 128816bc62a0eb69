"""An order with everything about it, and the list of orders. Reads only; changes nothing and decides nothing."""
