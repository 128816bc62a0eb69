"""Publishing: a state change and its event are two neighbouring lines of one use case, in one transaction."""

from uuid import UUID

import orjson

from storeops.common.contracts.base import Event
from storeops.common.db import WriteSession
from storeops.common.hashing import murmur2
from storeops.common.ids import uuid7
from storeops.common.spine import OutboxRow


def publish(session: WriteSession, event: Event, *, sequence: int) -> UUID:
    """Write an event with the transaction's other changes; answers its id.

    `sequence` is the aggregate's counter, returned by the UPDATE that locks its row: the lock comes before the
    outbox row, so that the order of rows is the order of commits for that key.
    """
    event_id = uuid7()
    key = event.key
    cause = session.causes.get(key) or (next(iter(session.causes.values())) if len(session.causes) == 1 else None)
    headers = {
        "correlation_id": (cause.correlation_id if cause else session.scope.correlation_id) or str(event_id),
        "causation_id": cause.event_id if cause else None,
        "traceparent": cause.traceparent if cause else session.scope.traceparent,
    }
    session.outbox.append(
        OutboxRow(
            event_id=event_id,
            topic=event.topic,
            hash=murmur2(key),
            key=key,
            sequence=sequence,
            type=event.type,
            store_id=event.store,
            occurred_at=event.occurred_at,
            headers=orjson.dumps({name: value for name, value in headers.items() if value}).decode(),
            payload=event.model_dump_json(),
        )
    )
    return event_id
