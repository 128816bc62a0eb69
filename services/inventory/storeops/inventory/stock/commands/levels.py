"""The only writer of levels: a level changes in the statement that writes its ledger lines, or not at all (STK-1).

Callers lock the levels they move beforehand, in key order. Which orders or stores a change concerns is not known here.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

from storeops.common.contracts.inventory import Movement, StockMoved
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.inventory.stock.queries.levels import columns
from storeops.inventory.stock.rules import LevelKey

MovementKind = Literal["received", "issued", "adjusted", "allocated", "released"]


class Move(NamedTuple):
    """A ledger line to write: how many pieces enter (positive) or leave each bucket of a level."""

    level: LevelKey
    kind: MovementKind
    ref: str
    """The document behind it; one document moves a level once in each kind."""
    store_id: str | None
    """Whose order or parcel the document is; None: the warehouse's own receipt or adjustment."""
    on_hand: int = 0
    available: int = 0
    allocated: int = 0


class Change(NamedTuple):
    """What became of a level's available pieces."""

    before: int
    after: int


Changes = dict[LevelKey, Change]


async def move(session: WriteSession, moves: Sequence[Move]) -> Changes:
    """Write ledger lines with the levels they change, and tell what changed on hand (`StockMoved`).

    Raises `LookupError` when a level does not exist, and the database refuses what would make a bucket negative.
    """
    if not moves:
        return {}
    now = await session.now()
    ids = [new_id("mov") for _ in moves]
    rows = await session.fetch(
        "WITH line AS MATERIALIZED (SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
        "$6::text[], $7::int[], $8::int[], $9::int[]) "
        "AS t(movement_id, warehouse_id, sku, kind, ref, store_id, on_hand, available, allocated)), "
        "written AS (INSERT INTO inventory.movement (movement_id, warehouse_id, sku, kind, ref, store_id, "
        "on_hand_delta, available_delta, allocated_delta, actor, occurred_at) SELECT line.*, $10, $11 FROM line), "
        "change AS (SELECT warehouse_id, sku, sum(on_hand) AS on_hand, sum(available) AS available, "
        "sum(allocated) AS allocated, bool_or(on_hand <> 0)::int AS told FROM line GROUP BY warehouse_id, sku) "
        "UPDATE inventory.stock_level AS level SET on_hand = level.on_hand + change.on_hand, "
        "available = level.available + change.available, allocated = level.allocated + change.allocated, "
        "movement_sequence = level.movement_sequence + change.told FROM change "
        "WHERE level.warehouse_id = change.warehouse_id AND level.sku = change.sku "
        "RETURNING level.warehouse_id, level.sku, level.on_hand, level.movement_sequence, "
        "(level.available - change.available)::bigint, level.available",
        ids,
        [line.level.warehouse_id for line in moves],
        [line.level.sku for line in moves],
        [line.kind for line in moves],
        [line.ref for line in moves],
        [line.store_id for line in moves],
        [line.on_hand for line in moves],
        [line.available for line in moves],
        [line.allocated for line in moves],
        session.scope.actor,
        now,
    )
    changes: Changes = {}
    totals: dict[LevelKey, tuple[int, int]] = {}
    for warehouse_id, sku, on_hand, sequence, before, after in rows:
        key = LevelKey(warehouse_id, sku)
        changes[key] = Change(before, after)
        totals[key] = (on_hand, sequence)
    missing = {line.level for line in moves} - changes.keys()
    if missing:
        raise LookupError(f"no level to move at {sorted(missing)[:5]}")
    tell_moved(session, moves, ids, totals, now)
    return changes


def tell_moved(
    session: WriteSession,
    moves: Sequence[Move],
    ids: Sequence[str],
    totals: dict[LevelKey, tuple[int, int]],
    now: datetime,
) -> None:
    """Publish the lines that changed what is on hand, those of one level together."""
    lines: dict[LevelKey, list[Movement]] = defaultdict(list)
    for line, movement_id in zip(moves, ids, strict=True):
        if line.on_hand:
            movement = Movement(movement_id=movement_id, kind=line.kind, delta=line.on_hand, ref=line.ref)
            lines[line.level].append(movement)
    for key, movements in lines.items():
        on_hand, sequence = totals[key]
        event = StockMoved(
            occurred_at=now,
            warehouse_id=key.warehouse_id,
            sku=key.sku,
            movements=tuple(movements),
            on_hand=on_hand,
        )
        publish(session, event, sequence=sequence)


async def open_levels(session: WriteSession, keys: Collection[LevelKey]) -> None:
    """Make the levels that do not exist yet, empty."""
    await session.fetch(
        "INSERT INTO inventory.stock_level (warehouse_id, sku) "
        "SELECT * FROM unnest($1::text[], $2::text[]) AS t(warehouse_id, sku) ORDER BY warehouse_id, sku "
        "ON CONFLICT DO NOTHING",
        *columns(keys),
    )


def merged(first: Changes, second: Changes) -> Changes:
    """Two rounds of changes seen as one."""
    both = {
        key: Change(first[key].before if key in first else change.before, change.after)
        for key, change in second.items()
    }
    return {**first, **both}
