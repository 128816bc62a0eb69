"""Keeps events. The only writer of the archive, one at a time."""

from collections.abc import Sequence
from typing import NamedTuple

from storeops.common.bus.base import Message
from storeops.common.db import WriteSession

KEEP = """
INSERT INTO reporting.archived_event
    (position, event_id, topic, partition, key, sequence, type, store_id, occurred_at, headers, payload)
SELECT $1 + n, event_id, topic, partition, key, sequence, type, store_id, occurred_at, headers::jsonb, payload::jsonb
FROM unnest($2::uuid[], $3::text[], $4::int[], $5::text[], $6::bigint[], $7::text[], $8::text[], $9::timestamptz[],
    $10::text[], $11::text[]) WITH ORDINALITY
    AS t(event_id, topic, partition, key, sequence, type, store_id, occurred_at, headers, payload, n)
ON CONFLICT (event_id) DO NOTHING
"""


class Kept(NamedTuple):
    """What became of a list of messages: the positions after `low` up to `high` are theirs."""

    low: int
    high: int
    topics: frozenset[str]


async def archive_events(session: WriteSession, messages: Sequence[Message]) -> Kept:
    """Keep events in the order given; one that is there already stays as it is.

    Takes positions under the lock of the fold's row, which is held to the end of the transaction: what is folded next
    to this call is never behind the archive, and positions become visible in their order. Raises the database's
    unique violation when two events claim one (topic, key, sequence).
    """
    high: int = await session.fetchval(
        "UPDATE reporting.fold SET position = position + $1 RETURNING position", len(messages)
    )
    low = high - len(messages)
    await session.fetch(
        KEEP,
        low,
        [message.event_id for message in messages],
        [message.topic for message in messages],
        [message.partition for message in messages],
        [message.key for message in messages],
        [message.sequence for message in messages],
        [message.type for message in messages],
        [message.store_id for message in messages],
        [message.occurred_at for message in messages],
        [message.headers for message in messages],
        [message.payload for message in messages],
    )
    return Kept(low, high, frozenset(message.topic for message in messages))
