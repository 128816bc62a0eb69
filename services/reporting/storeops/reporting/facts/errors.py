"""How work on facts fails."""

from storeops.common.errors import Conflict, NotFound


class StoreNotFound(NotFound):
    """No such store, or none that reporting has heard of yet."""


class RebuildOvertaken(Conflict):
    """Another rebuild began since this one did; that one goes on."""
