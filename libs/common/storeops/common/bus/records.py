"""Events as Kafka records and back: CloudEvents 1.0 in binary mode. Knows the wire, talks to no broker.

A record that is no event of ours becomes a message too, of the type `UNREADABLE`: the consumer parks it like any other
poison, and its partition goes on.
"""

from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from aiokafka.structs import ConsumerRecord

from storeops.common.bus.base import UNREADABLE, Message

Headers = list[tuple[str, bytes]]

HEADERS = {
    "correlation_id": "ce_correlationid",
    "causation_id": "ce_causationid",
    "traceparent": "traceparent",
}
"""Where the fields of `Message.headers` travel."""
SEQUENCE_DIGITS = 19
"""CloudEvents wants sequences whose text sorts as they do: a bigint, filled with zeros."""


class OutgoingEvent(NamedTuple):
    """A row of an outbox, as the relay reads it."""

    id: int
    event_id: str
    topic: str
    hash: int
    key: str
    sequence: int
    type: str
    store_id: str | None
    occurred_at: datetime
    headers: str
    payload: str


def headers_of(event: OutgoingEvent, source: str) -> Headers:
    """The CloudEvents attributes of an event; `source` is the path that names its service."""
    attributes = {
        "ce_specversion": "1.0",
        "ce_id": event.event_id,
        "ce_source": source,
        "ce_type": event.type,
        "ce_subject": event.key,
        "ce_time": event.occurred_at.isoformat(),
        "ce_partitionkey": event.key,
        "ce_sequence": str(event.sequence).zfill(SEQUENCE_DIGITS),
        "ce_storeid": event.store_id,
        "content-type": "application/json",
    }
    for field, value in orjson.loads(event.headers).items():
        attributes[HEADERS[field]] = value
    return [(name, value.encode()) for name, value in attributes.items() if value is not None]


def message_of(topic: str, record: "ConsumerRecord[bytes | None, bytes | None]") -> Message:
    """The message of a record; one of the type `UNREADABLE` when a header is missing or the payload is no text."""
    try:
        return read(topic, record)
    except (KeyError, ValueError):
        return unreadable(topic, record)


def read(topic: str, record: "ConsumerRecord[bytes | None, bytes | None]") -> Message:
    """The message of an event's record. Raises `KeyError` or `ValueError` for any other record."""
    found = {name.lower(): value.decode() for name, value in record.headers}
    travelled = {field: found[name] for field, name in HEADERS.items() if name in found}
    occurred_at = datetime.fromisoformat(found["ce_time"])
    if record.key is None or record.value is None or occurred_at.tzinfo is None or b"\0" in record.value:
        message = "no event has an empty key or payload, a time without zone, or a NUL"
        raise ValueError(message)
    return Message(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        event_id=str(UUID(found["ce_id"])),
        type=found["ce_type"],
        key=record.key.decode(),
        sequence=int(found["ce_sequence"]),
        store_id=found.get("ce_storeid"),
        occurred_at=occurred_at,
        headers=orjson.dumps(travelled).decode(),
        payload=record.value.decode(),
    )


def unreadable(topic: str, record: "ConsumerRecord[Any, Any]") -> Message:
    """A record that is no event, as it can be kept: the same id at every delivery, its bytes as text."""
    place = f"{topic}/{record.partition}/{record.offset}"
    return Message(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        event_id=str(uuid5(NAMESPACE_URL, place)),
        type=UNREADABLE,
        key=as_text(record.key) or place,
        sequence=0,
        store_id=None,
        occurred_at=datetime.fromtimestamp(max(record.timestamp, 0) / 1000, UTC),
        headers="{}",
        payload=as_text(record.value),
    )


def as_text(raw: bytes | None) -> str:
    """Bytes as text that PostgreSQL takes: what is no UTF-8 is escaped, and so is NUL."""
    return (raw or b"").decode(errors="backslashreplace").replace("\0", "\\x00")
