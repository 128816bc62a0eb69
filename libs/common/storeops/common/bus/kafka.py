"""The bus of production: Apache Kafka. Its records are CloudEvents (`records`); partitions follow the same hash.

Effects are once by the inbox, not by Kafka: the offset is committed after the database, and there are no Kafka
transactions. How long messages are kept is the business of the broker, which is told when a topic is made.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, TopicAlreadyExistsError, for_code
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from storeops.common.bus.base import Batch, BusUnavailable, OwnershipLost
from storeops.common.bus.kafka_relay import KafkaRelay
from storeops.common.bus.records import message_of
from storeops.common.bus.security import KafkaSecurity
from storeops.common.db import Database, WriteSession

PATIENCE = 15.0
"""Seconds after which a broker that does not answer counts as away."""
SIGN_OF_LIFE = 1.0
"""Seconds within which a cluster must answer when it is asked whether it is there."""
LOOK_AGAIN = 0.05
"""Seconds between two looks at topics that are being made."""
OURS = "storeops"
"""Marks the offsets of our groups, so that `lag` leaves foreign readers of our topics out."""
BROKERS_REPLICATION = -1


@contextmanager
def reaching(doing: str) -> Generator[None]:
    """Turn the client's errors into `BusUnavailable`, which callers retry."""
    try:
        yield
    except (KafkaError, TimeoutError) as error:
        message = f"Kafka failed at {doing}: {error!r}"
        raise BusUnavailable(message) from error


class KafkaSubscription(ConsumerRebalanceListener):
    """One member of a consumer group. `epoch` counts its assignments: a batch of an earlier one is void."""

    def __init__(self, bus: "KafkaBus", group: str, topics: Sequence[str]) -> None:
        self._bus = bus
        self._group = group
        self._topics = list(topics)
        self._consumer: Any = None
        self._epoch = 0
        self._queue: deque[Batch] = deque()
        self._seeks: dict[TopicPartition, int] = {}
        """Where to read on, other than behind what was read last."""
        self._done: dict[TopicPartition, int] = {}
        """Offsets that are still to be committed."""
        self._fresh: set[TopicPartition] = set()
        """Assigned partitions of which nothing was read yet."""

    async def start(self) -> None:
        """Join the group. Raises `BusUnavailable`."""
        if self._consumer is None:
            consumer = self._bus.new_consumer(self._group)
            consumer.subscribe([self._bus.prefix + topic for topic in self._topics], listener=self)
            try:
                with reaching(f"joining {self._group}"):
                    async with asyncio.timeout(PATIENCE + self._bus.lease):
                        await consumer.start()
            except BaseException:
                await consumer.stop()
                raise
            self._consumer = consumer
        await self._begin()

    async def poll(self, limit: int, wait: float) -> Batch | None:
        """The next messages of one assigned partition. Raises `BusUnavailable`; the next poll joins anew."""
        await self.start()
        await self._commit_done()
        for place, offset in self._seeks.items():
            self._consumer.seek(place, offset)
        self._seeks.clear()
        if not self._queue:
            await self._fetch(limit, wait)
        return self._queue.popleft() if self._queue else None

    async def fence(self, session: WriteSession, batch: Batch) -> None:
        """Refuse a batch of an earlier assignment; a stale owner that does not know yet is stopped by the inbox."""
        del session
        await self.pass_over(batch)

    async def pass_over(self, batch: Batch) -> None:
        """Refuse a batch of an earlier assignment: the offset moves when it is settled."""
        if batch.epoch != self._epoch:
            message = f"{self._group} was assigned anew since it took {batch.topic}/{batch.partition} at {batch.start}"
            raise OwnershipLost(message)

    async def settle(self, batch: Batch) -> None:
        """Commit the group's offset. What a new owner has by then stays its own: the inbox knows the batch."""
        if batch.epoch != self._epoch:
            return
        place = self._place(batch)
        if place in self._seeks:
            self._seeks[place] = batch.end
        self._done[place] = batch.end
        await self._commit_done()

    async def rewind(self, batch: Batch) -> None:
        """Read the batch again."""
        if batch.epoch == self._epoch:
            self._seeks[self._place(batch)] = batch.start

    async def close(self) -> None:
        """Leave the group, so that others take over at once."""
        self._void()
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            await consumer.stop()

    def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        """Forget what was read but not handled: whoever gets the partitions reads it."""
        del revoked
        self._void()

    def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Begin anew at the committed offsets."""
        self._void()
        self._fresh = set(assigned)

    def _void(self) -> None:
        self._epoch += 1
        self._queue.clear()
        self._seeks.clear()
        self._done.clear()
        self._fresh.clear()

    def _place(self, batch: Batch) -> TopicPartition:
        return TopicPartition(self._bus.prefix + batch.topic, batch.partition)

    async def _fetch(self, limit: int, wait: float) -> None:
        epoch = self._epoch
        try:
            # While the group is being rebalanced the client would wait for its end.
            async with asyncio.timeout(wait):
                found = await self._consumer.getmany(timeout_ms=int(wait * 1000), max_records=limit)
        except TimeoutError:
            return
        except KafkaError as error:
            await self.close()
            message = f"Kafka failed at reading for {self._group}: {error!r}"
            raise BusUnavailable(message) from error
        if epoch != self._epoch:
            return
        for place, records in found.items():
            topic = place.topic.removeprefix(self._bus.prefix)
            messages = [message_of(topic, record) for record in records]
            self._queue.append(Batch(topic, place.partition, epoch, messages[0].offset, messages))

    async def _commit_done(self) -> None:
        """Commit what is done; what fails is kept for the next poll, and what another owner has by then is its own."""
        if self._done:
            with reaching(f"committing for {self._group}"), suppress(CommitFailedError, IllegalStateError):
                await self._commit(self._done)
            self._done.clear()

    async def _commit(self, offsets: Mapping[TopicPartition, int]) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._consumer.commit({place: OffsetAndMetadata(at, OURS) for place, at in offsets.items()})

    async def _begin(self) -> None:
        """Begin where the group is, and write a new group's first offset down: all processes tell its lag by it.

        A fetch that outlasted a change of owners may have read on under the new assignment, and was thrown away.
        """
        if not self._fresh:
            return
        epoch, places = self._epoch, sorted(self._fresh)
        with reaching(f"finding the offsets of {self._group}"), suppress(CommitFailedError, IllegalStateError):
            async with asyncio.timeout(PATIENCE):
                known = await asyncio.gather(*(self._consumer.committed(place) for place in places))
                offsets = {place: offset for place, offset in zip(places, known, strict=True) if offset is not None}
                new = [place for place in places if place not in offsets]
                if new:
                    first: dict[TopicPartition, int] = await self._consumer.beginning_offsets(new)
                    await self._commit(first)
                    offsets |= first
            if epoch == self._epoch:
                self._seeks |= offsets
                self._fresh.clear()


class KafkaBus:
    """One Kafka cluster; all topics and groups of an installation carry its prefix.

    `lease` seconds after its last sign of life a member's partitions go to others.
    """

    def __init__(
        self,
        servers: str,
        *,
        prefix: str = "",
        lease: float = 15.0,
        security: KafkaSecurity | None = None,
        retention_days: int | None = None,
    ) -> None:
        self.name = "kafka"
        self._client: dict[str, Any] = {"bootstrap_servers": servers, **(security or KafkaSecurity()).options()}
        self._configs = {} if retention_days is None else {"retention.ms": str(retention_days * 86_400_000)}
        self.prefix = prefix
        self.lease = lease
        self.servers = servers
        self.partitions: dict[str, int] = {}
        """Opened topics and their partitions: what relays place events by."""
        self._groups: set[str] = set()
        self._admin: Any = None
        self._reader: Any = None
        # The client logs every attempt of its own retries as an error; what lasts comes up as `BusUnavailable`.
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)

    async def open(self, topics: Mapping[str, int]) -> None:
        """Make the topics that are missing, replicated as the broker has it, and wait until all are there.

        A topic that exists keeps its partitions: more of them would move keys.
        """
        names = {self.prefix + topic: partitions for topic, partitions in topics.items()}
        with reaching("opening topics"):
            async with asyncio.timeout(PATIENCE * 2):
                admin = await self._administrate()
                found = await ready_topics(admin, names)
                missing = [
                    NewTopic(name, partitions, BROKERS_REPLICATION, replica_assignments={}, topic_configs=self._configs)
                    for name, partitions in names.items()
                    if name not in found
                ]
                if missing:
                    refuse_errors((await admin.create_topics(missing)).topic_errors)
                while len(found) < len(names):
                    await asyncio.sleep(LOOK_AGAIN)
                    found = await ready_topics(admin, names)
        self.partitions |= {topic: found[self.prefix + topic] for topic in topics}

    async def relay(self, database: Database, service: str) -> KafkaRelay:
        """The relay of a service."""
        return KafkaRelay(database, service, client=self._client, prefix=self.prefix, partitions=self.partitions)

    async def subscribe(
        self,
        group: str,
        topics: Sequence[str],
        *,
        types: frozenset[str] | None = None,  # noqa: ARG002 - the broker tells of offsets alone
    ) -> KafkaSubscription:
        """Join a group."""
        self._groups.add(group)
        subscription = KafkaSubscription(self, group, topics)
        await subscription.start()
        return subscription

    async def alive(self) -> None:
        """Raise `BusUnavailable` unless a broker answers within `SIGN_OF_LIFE` seconds."""
        with reaching("asking for a sign of life"):
            async with asyncio.timeout(SIGN_OF_LIFE):
                await (await self._administrate()).describe_cluster()

    async def lag(self) -> dict[str, int]:
        """Messages that each group of this installation has not handled yet, whichever process it runs in."""
        with reaching("measuring groups"):
            async with asyncio.timeout(PATIENCE):
                admin = await self._administrate()
                listed = {group[0] for group in await admin.list_consumer_groups()}
                groups = sorted(
                    self._groups | {name.removeprefix(self.prefix) for name in listed if name.startswith(self.prefix)}
                )
                offsets = await asyncio.gather(
                    *(admin.list_consumer_group_offsets(self.prefix + group) for group in groups)
                )
                ours = [
                    {place: at.offset for place, at in held.items() if at.metadata == OURS and self._is_open(place)}
                    for held in offsets
                ]
                ends: dict[TopicPartition, int] = await self._reader.end_offsets(
                    {place for held in ours for place in held}
                )
        return {
            group: sum(ends[place] - offset for place, offset in held.items())
            for group, held in zip(groups, ours, strict=True)
            if held
        }

    async def written(self) -> int:
        """How many messages the opened topics have ever taken."""
        places = {
            TopicPartition(self.prefix + topic, partition)
            for topic, partitions in self.partitions.items()
            for partition in range(partitions)
        }
        with reaching("measuring topics"):
            async with asyncio.timeout(PATIENCE):
                await self._administrate()
                ends: dict[TopicPartition, int] = await self._reader.end_offsets(places)
        return sum(ends.values())

    async def purge(self, older_than: datetime) -> int:
        """Nothing: the broker drops messages by the retention of their topics."""
        del older_than
        return 0

    async def close(self) -> None:
        """Close connections."""
        admin, reader, self._admin, self._reader = self._admin, self._reader, None, None
        if admin is not None:
            await admin.close()
        if reader is not None:
            await reader.stop()

    def new_consumer(self, group: str | None) -> Any:
        """A client that reads; without a group it only looks offsets up."""
        return AIOKafkaConsumer(
            **self._client,
            group_id=None if group is None else self.prefix + group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=int(self.lease * 1000),
            heartbeat_interval_ms=int(self.lease * 1000 / 15),
            fetch_max_wait_ms=250,
        )

    def _is_open(self, place: TopicPartition) -> bool:
        name = place.topic
        return name.startswith(self.prefix) and name.removeprefix(self.prefix) in self.partitions

    async def _administrate(self) -> Any:
        if self._admin is None:
            admin: Any = AIOKafkaAdminClient(**self._client, request_timeout_ms=int(PATIENCE * 1000))
            reader = self.new_consumer(None)
            try:
                await admin.start()
                await reader.start()
            except BaseException:
                await admin.close()
                await reader.stop()
                raise
            self._admin, self._reader = admin, reader
        return self._admin


async def ready_topics(admin: Any, names: Iterable[str]) -> dict[str, int]:
    """Those topics that exist and have a leader everywhere, with their partitions."""
    return {
        topic["topic"]: len(topic["partitions"])
        for topic in await admin.describe_topics(list(names))
        if topic["error_code"] == 0 and all(part["leader"] >= 0 for part in topic["partitions"])
    }


def refuse_errors(answers: Iterable[Sequence[Any]]) -> None:
    """Raise what the broker says against a topic, unless another process made it first."""
    for topic, code, *said in answers:
        error = for_code(code)
        if code and error is not TopicAlreadyExistsError:
            message = f"{topic}: {said}"
            raise error(message)
