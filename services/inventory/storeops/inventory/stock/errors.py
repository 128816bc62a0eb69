"""Refusals of the stock area."""

from storeops.common.errors import Conflict, Invalid, NotFound


class WarehouseNotFound(NotFound):
    """No such warehouse, or none that serves a store of this caller."""


class StoreNotFound(NotFound):
    """No such store, as far as inventory has heard."""


class StoreUnknown(Invalid):
    """The store has not been opened, or news of it has not come here yet."""


class StockInsufficient(Conflict):
    """Fewer pieces are available than the adjustment takes away."""


class ReceiptDiffers(Conflict):
    """The warehouse received other goods under this reference."""
