"""How a listing can be refused."""

from storeops.common.errors import Conflict, Invalid, NotFound


class ListingNotFound(NotFound):
    """No such listing, or none that this caller may see."""


class ListingExists(Conflict):
    """The store has a listing of this SKU already."""


class ListingOutOfStock(Conflict):
    """Nothing of it can be sold, so it may not go on the shelf (LST-3)."""


class TitleTooLong(Invalid):
    """The title is wider than the channel shows (LST-2)."""


class PriceInvalid(Invalid):
    """The price is no amount of the currency, or nothing at all."""


class CurrencyMismatch(Invalid):
    """The store sells in another currency."""
