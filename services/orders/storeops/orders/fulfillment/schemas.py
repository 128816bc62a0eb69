"""Bodies and answers of the warehouse's work."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import BaseModel, Field

from storeops.common.contracts.orders import SkuQuantity
from storeops.common.http.bodies import QUANTITY, SKU, Body, ItemResult
from storeops.orders.fulfillment.rules import Status

FulfillmentOrderId = Annotated[str, Path(pattern=r"^ful_[0-9a-f]{32}$")]
ParcelId = Annotated[str, Path(pattern=r"^pcl_[0-9a-f]{32}$")]
WarehouseFilter = Annotated[str | None, Query(pattern=r"^wh_[0-9a-f]{32}$", description="Only this warehouse's.")]
COURIER = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9_-]+$", examples=["sf"])]
WAYBILL_NO = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9-]+$", examples=["SF1234567890"])]


class ScannedLine(Body):
    """Pieces of a SKU that went into the parcel."""

    sku: SKU
    quantity: QUANTITY


class PackParcel(Body):
    """A parcel's waybill, and what was scanned into it; without `lines` nothing is checked."""

    courier: COURIER
    waybill_no: WAYBILL_NO
    lines: list[ScannedLine] | None = Field(default=None, min_length=1, max_length=500)


class PackItem(PackParcel):
    """A parcel of a `:batch`."""

    fulfillment_order_id: Annotated[str, Field(pattern=r"^ful_[0-9a-f]{32}$")]


class PackParcels(Body):
    """Up to 500 parcels, each packed or refused by itself."""

    items: list[PackItem] = Field(min_length=1, max_length=500)


class HandoverItem(Body):
    """A parcel of a `:batch`."""

    parcel_id: Annotated[str, Field(pattern=r"^pcl_[0-9a-f]{32}$")]


class HandOverParcels(Body):
    """Up to 500 parcels, each handed over or refused by itself."""

    items: list[HandoverItem] = Field(min_length=1, max_length=500)


class FulfillmentOrderRead(BaseModel):
    """Work for a warehouse; `late_at` is when the order is late, `held` that it must wait."""

    fulfillment_order_id: str
    order_id: str
    store_id: str
    warehouse_id: str
    status: Status
    late_at: datetime
    in_rush: bool
    held: bool
    released_at: datetime
    packed_at: datetime | None
    handed_over_at: datetime | None
    cancelled_at: datetime | None
    lines: tuple[SkuQuantity, ...]


class ParcelRead(BaseModel):
    """A parcel."""

    parcel_id: str
    fulfillment_order_id: str
    order_id: str
    store_id: str
    warehouse_id: str
    courier: str
    waybill_no: str
    packed_at: datetime
    packed_by: str
    handed_over_at: datetime | None
    handed_over_by: str | None


class ParcelResults(BaseModel):
    """What became of each item of a `:batch`, by its place in the request."""

    items: list[ItemResult]
