"""The port: what the spine asks of a transport. A transport keeps, per topic and partition, a log in order."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from storeops.common.db import Database, WriteSession
from storeops.common.errors import Unavailable

UNREADABLE = "unreadable"
"""The type of a message that is no event: whoever reads its topic parks it."""


class BusUnavailable(Unavailable):
    """The bus does not answer; it may pass by itself."""


class Message(NamedTuple):
    """An event as it lies on the bus: envelope (CloudEvents 1.0) and payload."""

    topic: str
    partition: int
    offset: int
    event_id: str
    type: str
    key: str
    sequence: int
    store_id: str | None
    occurred_at: datetime
    headers: str
    """JSON: correlation_id, causation_id, traceparent."""
    payload: str
    """JSON of the event's contract."""


class Batch(NamedTuple):
    """Messages of one partition, in order, owned under one epoch."""

    topic: str
    partition: int
    epoch: int
    start: int
    """The offset this batch begins at: the group's position before it."""
    messages: Sequence[Message]

    @property
    def end(self) -> int:
        """The group's position after the whole batch."""
        return self.messages[-1].offset + 1

    def first(self, count: int) -> "Batch":
        """The batch of the first `count` messages."""
        return self._replace(messages=self.messages[:count])

    def rest(self, count: int) -> "Batch":
        """The batch without its first `count` messages."""
        return self._replace(start=self.messages[count - 1].offset + 1, messages=self.messages[count:])


class OwnershipLost(Exception):
    """Another owner has the partition: nothing of this batch may take effect. Not an error of the handler."""


class Subscription(Protocol):
    """One member of a consumer group."""

    async def poll(self, limit: int, wait: float) -> Batch | None:
        """The next messages of one owned partition; None when nothing came within `wait` seconds."""
        ...

    async def fence(self, session: WriteSession, batch: Batch) -> None:
        """Say inside the handler's transaction that the batch is done; raises `OwnershipLost` for a stale owner.

        On PostgreSQL this moves the group's offset in that transaction. On Kafka it does nothing: the inbox is what
        keeps a stale owner from a second effect.
        """
        ...

    async def pass_over(self, batch: Batch) -> None:
        """Say, outside of any transaction, that nothing of the batch concerns the group; raises `OwnershipLost`.

        `settle` follows as for any other batch.
        """
        ...

    async def settle(self, batch: Batch) -> None:
        """Say after the commit that the batch is done. On Kafka this commits the offset."""
        ...

    async def rewind(self, batch: Batch) -> None:
        """The batch was not done: poll it again."""
        ...

    async def close(self) -> None:
        """Leave the group, so that others take over at once."""
        ...


class Relay(Protocol):
    """Moves one service's outbox to the bus, in order, under the service's lock."""

    async def turn(self, limit: int) -> int:
        """Move at most `limit` events; answers how many. Moves nothing while another relay of the service works."""
        ...

    async def close(self) -> None:
        """Give the lock back."""
        ...


class Bus(Protocol):
    """A transport."""

    name: str

    async def open(self, topics: Mapping[str, int]) -> None:
        """Make sure that the topics exist, with at least so many partitions."""
        ...

    async def relay(self, database: Database, service: str) -> Relay:
        """The relay of a service."""
        ...

    async def subscribe(
        self, group: str, topics: Sequence[str], *, types: frozenset[str] | None = None
    ) -> Subscription:
        """Join a group; a new group starts at the beginning of the log.

        `types` are those that it handles, None if all: messages of others may be given to it later, several together.
        """
        ...

    async def alive(self) -> None:
        """Raise `BusUnavailable` when the transport does not answer within a second.

        On PostgreSQL there is nothing to ask: whoever asks has asked the database already.
        """
        ...

    async def lag(self) -> dict[str, int]:
        """How many messages each known group has not handled yet."""
        ...

    async def written(self) -> int:
        """How many messages the log has ever taken: the same number twice means that nothing came between."""
        ...

    async def purge(self, older_than: datetime) -> int:
        """Drop messages that every group has handled and that are older; answers how many, where the transport
        can tell.
        """
        ...

    async def close(self) -> None:
        """Close connections."""
        ...
