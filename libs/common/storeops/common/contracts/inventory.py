"""Events of the inventory service. Topics `allocation` (key order), `stock` (key store and SKU) and `movement`
(key warehouse and SKU).
"""

from storeops.common.contracts.base import Contract, Event
from storeops.common.contracts.orders import SkuQuantity


class ShortLine(Contract):
    """A SKU that no single warehouse could give in full."""

    sku: str
    wanted: int
    available: int
    """The most that one warehouse of the store held."""


class StockAllocated(Event, type="stock.allocated.v1", topic="allocation", key="order_id"):
    """All lines of an order are promised out of one warehouse (STK-2)."""

    order_id: str
    store_id: str
    warehouse_id: str
    lines: tuple[SkuQuantity, ...]


class StockShort(Event, type="stock.short.v1", topic="allocation", key="order_id"):
    """No warehouse of the store holds the whole order; nothing was promised (all or none)."""

    order_id: str
    store_id: str
    lines: tuple[ShortLine, ...]


class StockStateEvent(Event):
    """A store's sellable stock of one SKU crossed a line (STK-4)."""

    store_id: str
    sku: str
    available: int
    """Pieces that the store's warehouses can sell now."""


class StockLow(StockStateEvent, type="stock.low.v1", topic="stock", key=("store_id", "sku")):
    """The warning level was crossed downwards."""

    warning_level: int


class StockOut(StockStateEvent, type="stock.out.v1", topic="stock", key=("store_id", "sku")):
    """No warehouse serving the store can sell a piece."""


class StockRestored(StockStateEvent, type="stock.restored.v1", topic="stock", key=("store_id", "sku")):
    """The first sellable piece after nothing."""


class Movement(Contract):
    """One ledger line that changed what is on hand (STK-1)."""

    movement_id: str
    kind: str
    """received, issued or adjusted."""
    delta: int
    ref: str
    """The document behind it: receipt, parcel or count."""


class StockMoved(Event, type="stock.moved.v1", topic="movement", key=("warehouse_id", "sku"), public=True):
    """On-hand changed; the movements of one transaction for one level travel together."""

    warehouse_id: str
    sku: str
    movements: tuple[Movement, ...]
    on_hand: int
    """After these movements."""
