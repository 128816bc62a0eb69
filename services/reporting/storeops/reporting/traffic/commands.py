"""Takes traffic figures in and publishes them; facts come back through the archive, so that a rebuild has them too."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime

from storeops.common.contracts.reporting import TrafficRecorded
from storeops.common.db import WriteSession
from storeops.common.outbox import publish
from storeops.reporting.facts.errors import StoreNotFound
from storeops.reporting.facts.queries import stores_of
from storeops.reporting.traffic.errors import DayInFuture
from storeops.reporting.traffic.rules import Row, begins_after, read_item, read_rows, rejected
from storeops.reporting.traffic.schemas import (
    RejectedRow,
    RowError,
    TrafficImported,
    TrafficItem,
    TrafficRecordedRead,
)

COUNT = """
INSERT INTO reporting.traffic_counter AS held (store_id, event_sequence)
SELECT store_id, events FROM unnest($1::text[], $2::bigint[]) AS t(store_id, events) ORDER BY store_id
ON CONFLICT (store_id) DO UPDATE SET event_sequence = held.event_sequence + excluded.event_sequence
RETURNING store_id, event_sequence
"""


async def record_traffic(session: WriteSession, items: Sequence[TrafficItem]) -> TrafficRecordedRead:
    """Publish figures, all or none.

    Raises `StoreForbidden` (403), `StoreNotFound` (404) or `DayInFuture` (422), each naming the first that fails.
    """
    for item in items:
        session.scope.require_store(item.store_id)
    zones = await zones_of(session, items)
    now = await session.now()
    for n, item in enumerate(items):
        if item.store_id not in zones:
            message = f"no store {item.store_id}"
            raise StoreNotFound(message)
        if begins_after(item.day, now, zones[item.store_id]):
            errors = [{"pointer": f"/body/items/{n}/day", "value": str(item.day), "expected": "today or earlier"}]
            message = f"{item.day} has not begun in store {item.store_id}"
            raise DayInFuture(message, errors=errors)
    await publish_items(session, items)
    return TrafficRecordedRead(recorded=len(items))


async def import_traffic(session: WriteSession, content: bytes) -> TrafficImported:
    """Publish the good rows of a CSV file and name each bad one; none is lost.

    Raises `FileUnreadable`, `HeaderInvalid` (422) or `TooManyRows` (413), and then takes nothing.
    """
    rows = read_rows(content)
    read = [read_item(row) for row in rows]
    zones = await zones_of(session, [item for item in read if isinstance(item, TrafficItem)])
    now = await session.now()
    good: list[TrafficItem] = []
    bad: list[RejectedRow] = []
    for row, item in zip(rows, read, strict=True):
        checked = checked_row(session, row, item, zones, now) if isinstance(item, TrafficItem) else item
        if isinstance(checked, TrafficItem):
            good.append(checked)
        else:
            bad.append(checked)
    await publish_items(session, good)
    return TrafficImported(recorded=len(good), rejected=bad)


def checked_row(
    session: WriteSession, row: Row, item: TrafficItem, zones: dict[str, str], now: datetime
) -> TrafficItem | RejectedRow:
    """The figure, or why it is refused: a store that is not there for the caller, a day that has not begun."""
    if not session.scope.allows(item.store_id) or item.store_id not in zones:
        return rejected(row, [RowError(field="store_id", value=item.store_id, expected="a store of yours")])
    if begins_after(item.day, now, zones[item.store_id]):
        return rejected(row, [RowError(field="day", value=str(item.day), expected="today or earlier")])
    return item


async def zones_of(session: WriteSession, items: Sequence[TrafficItem]) -> dict[str, str]:
    """The time zones of the known ones of the stores named."""
    return {row["store_id"]: row["time_zone"] for row in await stores_of(session, {item.store_id for item in items})}


async def publish_items(session: WriteSession, items: Sequence[TrafficItem]) -> None:
    """Publish figures in their order, numbered per store under the lock of the store's counter."""
    counts = Counter(item.store_id for item in items)
    rows = await session.fetch(COUNT, list(counts), list(counts.values()))
    sequences = {store_id: last - counts[store_id] for store_id, last in rows}
    now = await session.now()
    for item in items:
        sequences[item.store_id] += 1
        publish(session, TrafficRecorded(occurred_at=now, **item.model_dump()), sequence=sequences[item.store_id])
