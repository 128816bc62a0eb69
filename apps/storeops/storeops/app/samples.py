"""One sample of every event, built from its contract: the first golden sample of a version is made from these.

A golden sample that was released is never rewritten: it stays readable by every later version.
"""

from datetime import UTC, date, datetime
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel

from storeops.common.contracts.base import REGISTRY, Event

INSTANT = datetime(2026, 11, 11, 2, 30, tzinfo=UTC)
IDS = {
    "store_id": "sto",
    "brand_id": "brd",
    "order_id": "ord",
    "customer_id": "cus",
    "warehouse_id": "wh",
    "parcel_id": "pcl",
    "ticket_id": "tkt",
    "listing_id": "lst",
    "hold_id": "hld",
    "refund_id": "rfd",
    "staff_id": "sta",
    "grant_id": "grt",
    "fulfillment_order_id": "ful",
    "movement_id": "mov",
}
TEXTS = {"sku": "TEA-250", "currency": "CNY", "time_zone": "Asia/Shanghai", "channel": "tmall", "kind": "shortage"}


def sample_of(contract: type[BaseModel]) -> BaseModel:
    """An instance with a plausible value in every field."""
    return contract.model_validate(
        {name: value_of(name, field.annotation) for name, field in contract.model_fields.items()}
    )


def value_of(name: str, kind: Any) -> Any:
    """A value of a field by its type, and for texts by its name."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(option for option in get_args(kind) if option is not NoneType)
    if get_origin(kind) is tuple:
        return (value_of(name.removesuffix("s"), get_args(kind)[0]),)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return sample_of(kind)
    simple: dict[Any, Any] = {datetime: INSTANT, date: INSTANT.date(), bool: True, int: 3}
    if kind in simple:
        return simple[kind]
    if name in IDS:
        return f"{IDS[name]}_0193c6f2b7e07d3c8f4e5a6b7c8d9e0f"
    return TEXTS.get(name, name.replace("_", " "))


def samples() -> dict[str, Event]:
    """A sample per wire type."""
    made = {wire_type: sample_of(event) for wire_type, event in REGISTRY.items()}
    return {wire_type: event for wire_type, event in made.items() if isinstance(event, Event)}
