"""How cancelling can be refused."""

from storeops.common.errors import Conflict


class OrderNotCancellable(Conflict):
    """The order is packed, shipped, cancelled or expired; what is packed is a case for customer service (ORD-6)."""
