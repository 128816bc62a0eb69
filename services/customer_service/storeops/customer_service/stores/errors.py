"""How looking for a store fails."""

from storeops.common.errors import NotFound


class StoreNotFound(NotFound):
    """No such store, or none that this service has heard of yet."""
