"""Refusals of the catalog area."""

from storeops.common.errors import Conflict, Forbidden, Invalid, NotFound


class SkuNotFound(NotFound):
    """No such SKU, or none that this caller may see."""


class SkuDiffers(Conflict):
    """The SKU exists with other facts."""


class BrandForbidden(Forbidden):
    """The caller has no store of that brand."""


class BrandUnknown(Invalid):
    """No store of that brand is known."""


class SkuUnknown(Invalid):
    """A line names a SKU that is not in the catalog."""
