"""How dealing with brands and stores may fail."""

from storeops.common.errors import Conflict, Invalid, NotFound


class BrandNotFound(NotFound):
    """No such brand, or none that the caller may see."""


class StoreNotFound(NotFound):
    """No such store, or none that the caller may see."""


class BrandNameTaken(Conflict):
    """Another brand has this name."""


class StoreNameTaken(Conflict):
    """Another store of the brand has this name."""


class UnknownBrand(Invalid):
    """The request names a brand that does not exist."""


class UnknownStore(Invalid):
    """The request names a store that does not exist."""
