"""How holding and releasing can be refused."""

from storeops.common.errors import Conflict, NotFound


class HoldNotFound(NotFound):
    """No such hold on this order."""


class HoldReleased(Conflict):
    """The hold was lifted before."""


class HoldNotReleasable(Conflict):
    """A shortage is lifted by stock, or by settling with the customer, not by hand."""


class OrderNotHoldable(Conflict):
    """The order is not paid yet, or packed, shipped or off: there is nothing to hold back."""
