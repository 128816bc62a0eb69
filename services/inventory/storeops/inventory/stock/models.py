"""Tables of the stock area. Levels are changed only together with their ledger lines (STK-1)."""

from datetime import datetime

from sqlalchemy import BigInteger
from sqlmodel import Field

from storeops.inventory.base import INSTANT, Base


class Warehouse(Base, table=True):
    """A place where goods lie; visible through the stores it serves."""

    warehouse_id: str = Field(primary_key=True)
    name: str
    version: int
    created_at: datetime = Field(sa_type=INSTANT)


class WarehouseStore(Base, table=True):
    """A warehouse serves a store; the lowest `priority` of a store is asked first."""

    __tablename__ = "warehouse_store"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    store_id: str = Field(primary_key=True)
    warehouse_id: str = Field(primary_key=True)
    priority: int


class StockLevel(Base, table=True):
    """How many pieces of a SKU lie in a warehouse, by what may be done with them (STK-2)."""

    __tablename__ = "stock_level"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    warehouse_id: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    on_hand: int = Field(sa_type=BigInteger)
    available: int = Field(sa_type=BigInteger)
    allocated: int = Field(sa_type=BigInteger)
    reserved: int = Field(sa_type=BigInteger)
    in_inspection: int = Field(sa_type=BigInteger)
    defective: int = Field(sa_type=BigInteger)
    movement_sequence: int = Field(sa_type=BigInteger)
    """Of the `stock.moved` events of this level."""


class Movement(Base, table=True):
    """One line of the ledger, never changed (STK-1). Its key keeps an effect from doubling."""

    movement_id: str
    warehouse_id: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    kind: str = Field(primary_key=True)
    ref: str = Field(primary_key=True)
    """The document behind it: receipt, adjustment, order or parcel."""
    store_id: str | None = None
    """Whose order or parcel; none for the warehouse's own documents."""
    on_hand_delta: int
    available_delta: int
    allocated_delta: int
    reserved_delta: int
    in_inspection_delta: int
    defective_delta: int
    actor: str
    occurred_at: datetime = Field(sa_type=INSTANT)


class Receipt(Base, table=True):
    """Goods that came in under one delivery reference."""

    receipt_id: str = Field(primary_key=True)
    warehouse_id: str
    reference: str
    received_by: str
    received_at: datetime = Field(sa_type=INSTANT)


class ReceiptLine(Base, table=True):
    """Pieces of one SKU in a receipt."""

    __tablename__ = "receipt_line"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    receipt_id: str = Field(primary_key=True)
    warehouse_id: str
    sku: str = Field(primary_key=True)
    quantity: int


class Adjustment(Base, table=True):
    """A correction of what is available, with its reason."""

    adjustment_id: str = Field(primary_key=True)
    warehouse_id: str
    sku: str
    delta: int
    reason: str
    adjusted_by: str
    adjusted_at: datetime = Field(sa_type=INSTANT)


class OrderAllocation(Base, table=True):
    """What became of an order's wish for stock."""

    __tablename__ = "order_allocation"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    order_id: str = Field(primary_key=True)
    store_id: str
    warehouse_id: str | None = None
    state: str
    """allocated, short (waits), released or issued (every piece has left)."""
    placed_at: datetime = Field(sa_type=INSTANT)
    event_sequence: int = Field(sa_type=BigInteger)


class AllocationLine(Base, table=True):
    """Pieces of one SKU that an order wants or was promised."""

    __tablename__ = "allocation_line"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    order_id: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    store_id: str
    quantity: int
    issued: int
    waiting: bool


class StoreStock(Base, table=True):
    """Whether a store can sell a SKU, and from how few pieces on it is warned (STK-4)."""

    __tablename__ = "store_stock"  # pyright: ignore[reportAssignmentType] - SQLModel types it for mixins

    store_id: str = Field(primary_key=True)
    sku: str = Field(primary_key=True)
    state: str
    warning_level: int
    event_sequence: int = Field(sa_type=BigInteger)
