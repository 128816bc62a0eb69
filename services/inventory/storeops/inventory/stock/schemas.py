"""Bodies of the stock area."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, Field

from storeops.common.http.bodies import NAME, REASON, SKU, STORE_ID, Body
from storeops.common.scope import Scope
from storeops.inventory.stock.models import Movement, Receipt, ReceiptLine, StockLevel, StoreStock, Warehouse
from storeops.inventory.stock.models import WarehouseStore as Link

WAREHOUSE_ID = Annotated[str, Field(pattern=r"^wh_[0-9a-f]{32}$", examples=["wh_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"])]
PIECES = Annotated[int, Field(ge=1, le=1_000_000)]
PRIORITY = Annotated[int, Field(ge=1, le=1000)]


class StoreLink(Body):
    """A store to serve, with the warehouse's place among those of that store."""

    store_id: STORE_ID
    priority: PRIORITY
    """1 is asked first."""


class ServedStores(Body):
    """Which stores a warehouse serves. Without a priority a store keeps the one it has, or asks this warehouse last."""

    store_ids: Annotated[list[STORE_ID | StoreLink], Field(min_length=1, max_length=200)]

    def links(self) -> dict[str, int | None]:
        """The stores with their priority, None where none was given."""
        return {
            item.store_id if isinstance(item, StoreLink) else item: (
                item.priority if isinstance(item, StoreLink) else None
            )
            for item in self.store_ids
        }


class NewWarehouse(ServedStores):
    """A place where goods lie."""

    name: NAME


class WarehouseRead(BaseModel):
    """A warehouse and those stores of the caller that it serves."""

    warehouse_id: str
    name: str
    stores: list[StoreLink]
    version: int
    created_at: datetime

    @classmethod
    def of(cls, warehouse: Warehouse, links: Sequence[Link]) -> Self:
        """The warehouse as it is shown."""
        return cls(
            warehouse_id=warehouse.warehouse_id,
            name=warehouse.name,
            stores=[StoreLink(store_id=link.store_id, priority=link.priority) for link in links],
            version=warehouse.version,
            created_at=warehouse.created_at,
        )


class ReceivedLine(Body):
    """Pieces of one SKU that came in."""

    sku: SKU
    quantity: PIECES


class NewReceipt(Body):
    """Goods that came in."""

    warehouse_id: WAREHOUSE_ID
    reference: Annotated[str, Field(min_length=1, max_length=100, examples=["DN-2024-0117"])]
    """The delivery note's number: a warehouse receives each once."""
    lines: Annotated[list[ReceivedLine], Field(min_length=1, max_length=500)]


class ReceiptLineRead(BaseModel):
    """Pieces of one SKU in a receipt, lines of the same SKU summed."""

    sku: str
    quantity: int


class ReceiptRead(BaseModel):
    """A receipt as it was booked."""

    receipt_id: str
    warehouse_id: str
    reference: str
    lines: list[ReceiptLineRead]
    received_by: str
    received_at: datetime

    @classmethod
    def of(cls, receipt: Receipt, lines: Sequence[ReceiptLine]) -> Self:
        """The receipt as it is shown."""
        return cls(
            receipt_id=receipt.receipt_id,
            warehouse_id=receipt.warehouse_id,
            reference=receipt.reference,
            lines=[ReceiptLineRead(sku=line.sku, quantity=line.quantity) for line in lines],
            received_by=receipt.received_by,
            received_at=receipt.received_at,
        )


def not_zero(delta: int) -> int:
    """Refuse a correction that corrects nothing."""
    if delta == 0:
        raise ValueError("not 0")
    return delta


class NewAdjustment(Body):
    """A correction of what is available."""

    warehouse_id: WAREHOUSE_ID
    sku: SKU
    delta: Annotated[int, Field(ge=-1_000_000, le=1_000_000), AfterValidator(not_zero)]
    """Pieces found (positive) or missing (negative)."""
    reason: REASON


class AdjustmentRead(BaseModel):
    """A correction as it was booked."""

    adjustment_id: str
    warehouse_id: str
    sku: str
    delta: int
    reason: str
    on_hand: int
    """After it."""
    available: int
    """After it."""
    adjusted_by: str
    adjusted_at: datetime


class LevelRead(BaseModel):
    """How many pieces of a SKU lie in a warehouse (STK-2)."""

    warehouse_id: str
    sku: str
    on_hand: int
    available: int
    allocated: int
    reserved: int
    in_inspection: int
    defective: int

    @classmethod
    def of(cls, level: StockLevel) -> Self:
        """The level as it is shown."""
        return cls.model_validate(level, from_attributes=True)


class MovementRead(BaseModel):
    """A line of the stock ledger (STK-1)."""

    movement_id: str
    warehouse_id: str
    sku: str
    kind: str
    ref: str | None
    """Receipt, adjustment, order or parcel; null when that belongs to a store of which the caller sees nothing."""
    on_hand_delta: int
    available_delta: int
    allocated_delta: int
    reserved_delta: int
    in_inspection_delta: int
    defective_delta: int
    actor: str | None
    """Null where `ref` is."""
    occurred_at: datetime

    @classmethod
    def of(cls, movement: Movement, scope: Scope) -> Self:
        """The line as a caller sees it: of other stores in a shared warehouse only the pieces."""
        foreign = movement.store_id is not None and not scope.allows(movement.store_id)
        shown = cls.model_validate(movement, from_attributes=True)
        return shown.model_copy(update={"ref": None, "actor": None}) if foreign else shown


class WarehouseAvailability(BaseModel):
    """What one warehouse can give."""

    warehouse_id: str
    available: int


class AvailabilityRead(BaseModel):
    """What a store can sell of one SKU now."""

    store_id: str
    sku: str
    available: int
    """Over all warehouses of the store."""
    warehouses: list[WarehouseAvailability]
    """In the order in which they are asked."""


class Availability(BaseModel):
    """What a store can sell, in the order asked for."""

    items: list[AvailabilityRead]


class WarningLevel(Body):
    """From how few sellable pieces on a store is warned of a SKU; 0: never."""

    sku: SKU
    level: Annotated[int, Field(ge=0, le=1_000_000)]


class WarningLevels(Body):
    """Warning levels to set; SKUs that are not named keep theirs."""

    items: Annotated[list[WarningLevel], Field(min_length=1, max_length=500)]


class StoreStockRead(BaseModel):
    """How a store stands with a SKU (STK-4)."""

    store_id: str
    sku: str
    state: str
    """ok, low or out."""
    warning_level: int

    @classmethod
    def of(cls, stock: StoreStock) -> Self:
        """The state as it is shown."""
        return cls.model_validate(stock, from_attributes=True)


class StoreStocks(BaseModel):
    """How a store stands with the SKUs that were set."""

    items: list[StoreStockRead]
