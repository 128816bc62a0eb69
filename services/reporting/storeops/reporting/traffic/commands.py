"""Takes traffic figures in and publishes them; facts come back through the archive, so that a rebuild has them too."""

from collections import Counter
from collections.abc import Sequence

from storeops.common.contracts.reporting import TrafficRecorded
from storeops.common.db import WriteSession
from storeops.common.http.bodies import ItemResult
from storeops.common.outbox import publish
from storeops.reporting.facts.errors import StoreNotFound
from storeops.reporting.facts.queries import stores_of
from storeops.reporting.traffic.rules import read_item, read_rows, rejected
from storeops.reporting.traffic.schemas import (
    RecordedTraffic,
    RejectedRow,
    RowError,
    TrafficImported,
    TrafficItem,
)

COUNT = """
INSERT INTO reporting.traffic_counter AS held (store_id, event_sequence)
SELECT store_id, events FROM unnest($1::text[], $2::bigint[]) AS t(store_id, events) ORDER BY store_id
ON CONFLICT (store_id) DO UPDATE SET event_sequence = held.event_sequence + excluded.event_sequence
RETURNING store_id, event_sequence
"""


async def record_traffic(session: WriteSession, items: Sequence[TrafficItem]) -> RecordedTraffic:
    """Publish figures, each by itself: one of an unknown store is refused and the others are taken.

    Raises `StoreForbidden` (403) when any is of a store outside the caller's scope, and then takes none.
    """
    for item in items:
        session.scope.require_store(item.store_id)
    known = await known_stores(session, items)
    await publish_items(session, [item for item in items if item.store_id in known])
    return RecordedTraffic(
        items=[
            ItemResult(index=index, status=202)
            if item.store_id in known
            else ItemResult.refused(index, StoreNotFound(f"no store {item.store_id}"))
            for index, item in enumerate(items)
        ]
    )


async def import_traffic(session: WriteSession, content: bytes) -> TrafficImported:
    """Publish the good rows of a CSV file and name each bad one; none is lost.

    Raises `FileUnreadable`, `HeaderInvalid` (422) or `TooManyRows` (413), and then takes nothing.
    """
    rows = read_rows(content)
    read = [read_item(row) for row in rows]
    known = await known_stores(session, [item for item in read if isinstance(item, TrafficItem)])
    good: list[TrafficItem] = []
    bad: list[RejectedRow] = []
    for row, item in zip(rows, read, strict=True):
        if isinstance(item, RejectedRow):
            bad.append(item)
        elif session.scope.allows(item.store_id) and item.store_id in known:
            good.append(item)
        else:
            bad.append(rejected(row, [RowError(field="store_id", value=item.store_id, expected="a store of yours")]))
    await publish_items(session, good)
    return TrafficImported(recorded=len(good), rejected=bad)


async def known_stores(session: WriteSession, items: Sequence[TrafficItem]) -> set[str]:
    """The known ones of the stores named."""
    return {row["store_id"] for row in await stores_of(session, {item.store_id for item in items})}


async def publish_items(session: WriteSession, items: Sequence[TrafficItem]) -> None:
    """Publish figures in their order, numbered per store under the lock of the store's counter."""
    counts = Counter(item.store_id for item in items)
    rows = await session.fetch(COUNT, list(counts), list(counts.values()))
    sequences = {store_id: last - counts[store_id] for store_id, last in rows}
    now = await session.now()
    for item in items:
        sequences[item.store_id] += 1
        publish(session, TrafficRecorded(occurred_at=now, **item.model_dump()), sequence=sequences[item.store_id])
