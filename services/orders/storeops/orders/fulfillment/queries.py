"""Reads of fulfillment orders and parcels; the locks under which they change."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from storeops.common.db import ReadSession
from storeops.orders.fulfillment.rules import Status
from storeops.orders.fulfillment.schemas import FulfillmentOrderRead, ParcelRead
from storeops.orders.intake.queries import FACTS, facts_of, pieces_of
from storeops.orders.intake.rules import OrderFacts

PARCEL = ", ".join(f"p.{name}" for name in ParcelRead.model_fields)
WORK = ", ".join(f"f.{name}" for name in FulfillmentOrderRead.model_fields if name not in ("in_rush", "held", "lines"))


class Work(NamedTuple):
    """A fulfillment order with its order's facts, both locked."""

    fulfillment_order_id: str
    status: Status
    warehouse_id: str
    order: OrderFacts


async def lock_work(session: ReadSession, fulfillment_order_ids: Sequence[str]) -> dict[str, Work]:
    """Fulfillment orders by id, their orders' rows and their own locked; unknown ids are left out."""
    rows = await session.fetch(
        f"SELECT {FACTS}, f.fulfillment_order_id, f.status, f.warehouse_id AS packed_in "
        "FROM orders.sales_order AS o JOIN orders.fulfillment_order AS f USING (order_id) "
        "WHERE f.fulfillment_order_id = ANY($1::text[]) ORDER BY o.order_id FOR UPDATE OF o, f",
        list(fulfillment_order_ids),
    )
    return {
        row["fulfillment_order_id"]: Work(
            row["fulfillment_order_id"], Status(row["status"]), row["packed_in"], facts_of(row)
        )
        for row in rows
    }


class Packed(NamedTuple):
    """A parcel with its order's facts, both locked."""

    parcel: ParcelRead
    order: OrderFacts


async def lock_parcels(session: ReadSession, parcel_ids: Sequence[str]) -> dict[str, Packed]:
    """Parcels by id, their orders' rows and their own locked; unknown ids are left out."""
    rows = await session.fetch(
        f"SELECT {FACTS}, {', '.join(f'{column} AS {column[2:]}_' for column in PARCEL.split(', '))} "
        "FROM orders.sales_order AS o JOIN orders.parcel AS p USING (order_id) "
        "WHERE p.parcel_id = ANY($1::text[]) ORDER BY o.order_id, p.parcel_id FOR UPDATE OF o, p",
        list(parcel_ids),
    )
    return {
        row["parcel_id_"]: Packed(
            ParcelRead(**{name: row[f"{name}_"] for name in ParcelRead.model_fields}), facts_of(row)
        )
        for row in rows
    }


async def work_left(session: ReadSession, order_ids: Sequence[str]) -> dict[str, set[str]]:
    """The fulfillment orders that have not left, by order id; read after the orders' rows are locked."""
    rows = await session.fetch(
        "SELECT order_id, array_agg(fulfillment_order_id) AS left_over FROM orders.fulfillment_order "
        "WHERE order_id = ANY($1::text[]) AND status IN ('open', 'packed') GROUP BY order_id",
        list(order_ids),
    )
    return {row["order_id"]: set(row["left_over"]) for row in rows}


async def parcels_of(session: ReadSession, order_id: str) -> list[ParcelRead]:
    """The parcels of an order, in order of packing."""
    rows = await session.fetch(
        f"SELECT {PARCEL} FROM orders.parcel AS p WHERE p.order_id = $1 ORDER BY p.parcel_id", order_id
    )
    return [ParcelRead(**row) for row in rows]


async def list_work(
    session: ReadSession,
    *,
    stores: Sequence[str] | None,
    warehouse_id: str | None,
    status: Status | None,
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[FulfillmentOrderRead]:
    """Fulfillment orders, the most urgent first, up to `limit` (ORD-5)."""
    wanted: list[tuple[str, Any]] = []
    if stores is not None:
        wanted.append(("f.store_id = ANY({}::text[])", stores))
    if warehouse_id is not None:
        wanted.append(("f.warehouse_id = {}", warehouse_id))
    if status is not None:
        wanted.append(("f.status = {}", status.value))
    conditions = [text.format(f"${place}") for place, (text, _) in enumerate(wanted, 1)]
    values = [value for _, value in wanted]
    if after is not None:
        conditions.append(f"(f.late_at, f.fulfillment_order_id) > (${len(values) + 1}, ${len(values) + 2})")
        values += after
    rows = await session.fetch(
        f"SELECT {WORK}, o.in_rush, o.open_holds > 0 AS held "
        "FROM orders.fulfillment_order AS f JOIN orders.sales_order AS o USING (order_id) "
        f"WHERE {' AND '.join(conditions) or 'true'} ORDER BY f.late_at, f.fulfillment_order_id LIMIT {int(limit)}",
        *values,
    )
    pieces = await pieces_of(session, [row["order_id"] for row in rows])
    return [work_read(dict(row), pieces) for row in rows]


def work_read(row: Mapping[str, Any], pieces: Mapping[str, Any]) -> FulfillmentOrderRead:
    """A fulfillment order as it is answered."""
    return FulfillmentOrderRead(**row, lines=pieces.get(row["order_id"], ()))
