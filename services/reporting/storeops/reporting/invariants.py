"""What must hold of this service's data at any time."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Invariant


async def broken_sequences(session: ReadSession) -> Sequence[Any]:
    """Topics and keys whose archived sequences are not 1, 2, 3 … up to the last."""
    return await session.fetch(
        "SELECT topic, key, count(*), min(sequence), max(sequence) FROM reporting.archived_event GROUP BY topic, key "
        "HAVING min(sequence) <> 1 OR max(sequence) <> count(*)"
    )


async def unfolded_events(session: ReadSession) -> Sequence[Any]:
    """Events behind the position up to which the archive is folded."""
    return await session.fetch(
        "SELECT position, type, key FROM reporting.archived_event "
        "WHERE position > (SELECT max(position) FROM reporting.fold)"
    )


async def sales_apart(session: ReadSession) -> Sequence[Any]:
    """Stores whose paid orders are worth something else in the facts than in the archive."""
    return await session.fetch(
        "SELECT store_id, told.orders, told.net, known.orders, known.net FROM "
        "(SELECT store_id, count(*) AS orders, sum((payload ->> 'net')::bigint) AS net FROM reporting.archived_event "
        "WHERE type = 'order.paid.v1' GROUP BY store_id) AS told FULL JOIN "
        "(SELECT store_id, count(*) AS orders, sum(net) AS net FROM reporting.order_fact "
        "WHERE paid_at IS NOT NULL GROUP BY store_id) AS known USING (store_id) "
        "WHERE ROW(told.orders, told.net) IS DISTINCT FROM ROW(known.orders, known.net)"
    )


invariants = [
    Invariant("I7", "the archive holds every event of a key, numbered without a gap", broken_sequences),
    Invariant("REP-9", "facts are never behind the archive", unfolded_events),
    Invariant("REP-9", "sales in the facts are those of the archived payments", sales_apart),
]
