"""How packing and handing over can be refused."""

from storeops.common.errors import Conflict, NotFound


class FulfillmentOrderNotFound(NotFound):
    """No such fulfillment order, or none that this caller may see."""


class FulfillmentOrderNotOpen(Conflict):
    """It is packed, handed over or cancelled already."""


class OrderHeld(Conflict):
    """A hold keeps the order from being packed."""


class PackMismatch(Conflict):
    """What was scanned is not what the order holds: the parcel is stopped (ORD-7)."""


class WaybillUsed(Conflict):
    """The courier's waybill number is on another parcel."""


class ParcelNotFound(NotFound):
    """No such parcel, or none that this caller may see."""


class ParcelGone(Conflict):
    """The parcel was handed over before."""


class ParcelStopped(Conflict):
    """The order was cancelled after packing: the parcel stays."""
