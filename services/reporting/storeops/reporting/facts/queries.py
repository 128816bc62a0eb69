"""Reads of facts as such: what stores are known, and how a rebuild compares with the live rows."""

from collections.abc import Collection

from asyncpg import Record

from storeops.common.db import ReadSession
from storeops.reporting.facts import models
from storeops.reporting.facts.rules import LIVE, SHADOW


async def stores_of(session: ReadSession, store_ids: Collection[str] | None) -> list[Record]:
    """The known ones of these stores, or with None every store that the session sees, by id.

    Rows of (store_id, name, time_zone, currency).
    """
    return await session.fetch(
        "SELECT store_id, name, time_zone, currency FROM reporting.store_fact "
        "WHERE $1::text[] IS NULL OR store_id = ANY($1) ORDER BY store_id",
        None if store_ids is None else sorted(store_ids),
    )


async def compare(session: ReadSession, table: str) -> tuple[int, int]:
    """Rows of a table of facts, live and rebuilt taken together, and how many of them are not the same in both."""
    row = await session.fetchrow(
        f"SELECT count(*), count(*) FILTER (WHERE {differs(table)}) "
        f"FROM {LIVE}.{table} AS live FULL JOIN {SHADOW}.{table} AS shadow USING ({', '.join(key_of(table))})"
    )
    assert row is not None
    return row[0], row[1]


def key_of(table: str) -> list[str]:
    """The columns of a table's primary key."""
    return list(models.Base.metadata.tables[f"{LIVE}.{table}"].primary_key.columns.keys())


def differs(table: str) -> str:
    """The condition under which rows `live` and `shadow` of a table are not the same."""
    columns = models.Base.metadata.tables[f"{LIVE}.{table}"].columns.keys()
    live, shadow = (", ".join(f"{alias}.{column}" for column in columns) for alias in ("live", "shadow"))
    return f"ROW({live}) IS DISTINCT FROM ROW({shadow})"
