"""Reads of holds, findings and policies."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from storeops.common.db import ReadSession
from storeops.orders.audit.errors import HoldNotFound
from storeops.orders.audit.rules import HoldKind
from storeops.orders.audit.schemas import FindingRead, HoldRead

HOLD = "hold_id, order_id, kind, reason, placed_at, placed_by, released_at, released_by"


async def get_hold(session: ReadSession, order_id: str, hold_id: str) -> HoldRead:
    """A hold of an order; raises `HoldNotFound`."""
    row = await session.fetchrow(
        f"SELECT {HOLD} FROM orders.hold WHERE hold_id = $1 AND order_id = $2", hold_id, order_id
    )
    if row is None:
        raise HoldNotFound(f"order {order_id} has no hold {hold_id}")
    return HoldRead(**row)


async def holds_of(session: ReadSession, order_id: str) -> list[HoldRead]:
    """Every hold of an order, in order."""
    rows = await session.fetch(f"SELECT {HOLD} FROM orders.hold WHERE order_id = $1 ORDER BY hold_id", order_id)
    return [HoldRead(**row) for row in rows]


async def findings_of(session: ReadSession, order_id: str) -> list[FindingRead]:
    """What the review noticed about an order."""
    rows = await session.fetch(
        "SELECT code, blocks, message, found_at FROM orders.finding WHERE order_id = $1 ORDER BY code", order_id
    )
    return [FindingRead(**row) for row in rows]


class OpenHold(NamedTuple):
    """A hold in force."""

    hold_id: str
    order_id: str
    kind: HoldKind


async def open_holds(session: ReadSession, order_ids: Sequence[str]) -> list[OpenHold]:
    """The holds in force on orders; read after their rows are locked it is all there are."""
    rows = await session.fetch(
        "SELECT hold_id, order_id, kind FROM orders.hold "
        "WHERE order_id = ANY($1::text[]) AND released_at IS NULL ORDER BY hold_id",
        list(order_ids),
    )
    return [OpenHold(row["hold_id"], row["order_id"], HoldKind(row["kind"])) for row in rows]


async def review_limits(session: ReadSession, store_ids: Collection[str]) -> dict[str, int]:
    """The limits of the stores that set one, in minor units."""
    rows = await session.fetch(
        "SELECT store_id, review_above FROM orders.audit_policy "
        "WHERE store_id = ANY($1::text[]) AND review_above IS NOT NULL",
        list(store_ids),
    )
    return {row["store_id"]: row["review_above"] for row in rows}


async def find_policy(session: ReadSession, store_id: str) -> tuple[int | None, int]:
    """A store's limit in minor units, and its version; 0 is the default that nobody has set."""
    row = await session.fetchrow("SELECT review_above, version FROM orders.audit_policy WHERE store_id = $1", store_id)
    return (row["review_above"], row["version"]) if row else (None, 0)
