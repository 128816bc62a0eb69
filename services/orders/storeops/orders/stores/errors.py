"""How a store can be missing."""

from storeops.common.errors import NotFound


class StoreNotFound(NotFound):
    """No such store, or none that this caller may see."""
