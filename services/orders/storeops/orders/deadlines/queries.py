"""Reads of promises, rushes and armed clocks."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from asyncpg import Record
from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.orders.deadlines.errors import RushNotFound
from storeops.orders.deadlines.models import ShipRush
from storeops.orders.deadlines.rules import ClockRow, Rush, ShipPromise, StoreTerms

PROMISE = "p.warn_after, p.late_after, p.breach_after, p.expire_after"


def rushes_of(store: str, first: str, last: str) -> str:
    """The column with a store's rushes that touch the time between two instants, as JSON; NULL when there are none."""
    return (
        "(SELECT json_agg(json_build_array(r.from_at, least(r.to_at, r.ended_at), r.campaign_ids)) "
        f"FROM orders.ship_rush AS r WHERE r.store_id = {store} AND r.from_at <= {last} "
        f"AND least(r.to_at, r.ended_at) > {first})"
    )


def promise_of(row: Record) -> ShipPromise:
    """The promise in a row with the columns `PROMISE`; the default when the store set none."""
    if row["warn_after"] is None:
        return ShipPromise()
    return ShipPromise(row["warn_after"], row["late_after"], row["breach_after"], row["expire_after"])


def parse_rushes(found: Sequence[Any] | None) -> tuple[Rush, ...]:
    """The rushes of a column made by `rushes_of`."""
    return tuple(
        Rush(datetime.fromisoformat(start), datetime.fromisoformat(end), frozenset(campaigns))
        for start, end, campaigns in found or ()
    )


async def read_terms(
    session: ReadSession, store_ids: Collection[str], *, first: datetime, last: datetime
) -> dict[str, StoreTerms]:
    """What orders of these stores are under when paid between two instants; unknown stores are left out."""
    rows = await session.fetch(
        f"SELECT s.store_id, s.channel, s.currency, {PROMISE}, {rushes_of('s.store_id', '$2', '$3')} AS rushes "
        "FROM orders.store AS s LEFT JOIN orders.ship_promise AS p USING (store_id) WHERE s.store_id = ANY($1::text[])",
        list(store_ids),
        first,
        last,
    )
    return {
        row["store_id"]: StoreTerms(
            row["store_id"], row["channel"], row["currency"], promise_of(row), parse_rushes(row["rushes"])
        )
        for row in rows
    }


async def find_promise(session: ReadSession, store_id: str) -> tuple[ShipPromise, int]:
    """A store's promise and its version; 0 is the default that nobody has set."""
    row = await session.fetchrow(
        f"SELECT {PROMISE}, p.version FROM orders.ship_promise AS p WHERE store_id = $1", store_id
    )
    return (promise_of(row), row["version"]) if row else (ShipPromise(), 0)


async def get_rush(session: ReadSession, rush_id: str) -> ShipRush:
    """A rush, its row locked; raises `RushNotFound`."""
    orm = await session.orm()
    rush = (await orm.exec(select(ShipRush).where(col(ShipRush.rush_id) == rush_id).with_for_update())).one_or_none()
    if rush is None:
        raise RushNotFound(f"there is no rush {rush_id}")
    return rush


async def list_rushes(
    session: ReadSession, store_ids: Sequence[str] | None, *, before: str | None, limit: int
) -> Sequence[ShipRush]:
    """Rushes of these stores (None: all), the latest declared first, up to `limit`."""
    wanted = select(ShipRush).order_by(col(ShipRush.rush_id).desc()).limit(limit)
    if store_ids is not None:
        wanted = wanted.where(col(ShipRush.store_id).in_(store_ids))
    if before is not None:
        wanted = wanted.where(col(ShipRush.rush_id) < before)
    return (await (await session.orm()).exec(wanted)).all()


async def clocks_of(session: ReadSession, order_id: str) -> list[ClockRow]:
    """Every deadline of an order, the earliest first."""
    rows = await session.fetch(
        "SELECT kind, due_at, state, fired_at FROM orders.timer WHERE key = $1 ORDER BY due_at, kind", order_id
    )
    return [ClockRow(*row) for row in rows]
