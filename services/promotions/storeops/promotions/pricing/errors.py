"""Why a basket has no price."""

from storeops.common.errors import Conflict, Invalid


class SkuNotListed(Invalid):
    """The store does not offer this SKU."""


class ListingOffShelf(Conflict):
    """The store does not sell this SKU at present."""


class PriceCurrencyStale(Conflict):
    """The listing's price is in a currency that its store has left; it must be set anew."""


class QuoteTooLarge(Invalid):
    """The basket is worth more than any amount of this system."""
