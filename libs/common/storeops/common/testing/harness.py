"""All services in one process, on a real database of their own, moved by hand: `drain()` and `advance()`.

Nothing runs by itself here. The relay, the consumers and the timers are the real ones, turned until quiet.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey

from storeops.common.auth.permissions import Role
from storeops.common.auth.tokens import AUDIENCE, Verifier
from storeops.common.bus.base import Bus, Message, Relay, Subscription
from storeops.common.clock import machine_ms
from storeops.common.consumer import Consumer
from storeops.common.contracts.base import REGISTRY, Event
from storeops.common.db import ReadSession, WriteSession, reading, transaction
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.common.runtime import Parts, assemble, topics_of
from storeops.common.scope import worker_scope
from storeops.common.service import Service
from storeops.common.settings import Settings
from storeops.common.timers import TimerRunner

E = TypeVar("E", bound=Event)

ISSUER_KEY = ECKey.generate_key("P-256", parameters={"kid": "test", "alg": "ES256", "use": "sig"})
"""Signs the tokens of tests; the harness's verifier trusts it beside the platform's own keys."""


class Harness:
    """A whole installation in a test."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.app = parts.application
        self.services = parts.services
        self._relays: dict[str, Relay] = {}
        self._subscriptions: list[tuple[Consumer, Subscription]] = []
        self._sequences: dict[tuple[str, str], int] = {}
        self._clients: list[httpx2.AsyncClient] = []

    @property
    def bus(self) -> Bus:
        """The transport."""
        return self.parts.bus

    async def start(self) -> None:
        """Join every group; nothing moves yet."""
        topics = list(topics_of(self.parts.settings))
        for name, service in self.services.items():
            database = self.parts.databases[name]
            self._relays[name] = await self.bus.relay(database, name)
            for router in service.events:
                subscription = await self.bus.subscribe(router.group, router.topics(topics))
                self._subscriptions.append((Consumer(database, name, router, self.parts.signals), subscription))

    async def stop(self) -> None:
        """Leave every group and close clients."""
        for client in self._clients:
            await client.aclose()
        for _, subscription in self._subscriptions:
            await subscription.close()
        for relay in self._relays.values():
            await relay.close()

    async def drain(self) -> int:
        """Turn relays, consumers and due timers until nothing moves; answers how many events and timers moved."""
        total = 0
        while moved := await self._turn():
            total += moved
        return total

    async def _turn(self) -> int:
        moved = 0
        for relay in self._relays.values():
            while count := await relay.turn(500):
                moved += count
        for consumer, subscription in self._subscriptions:
            while batch := await subscription.poll(500, 0.0):
                await consumer.take(subscription, batch)
                moved += len(batch.messages)
        for name, service in self.services.items():
            runner = TimerRunner(self.parts.databases[name], name, service.jobs, self.parts.signals)
            moved += await runner.turn()
            runner.close()
        return moved

    async def now(self) -> datetime:
        """Business time."""
        [(now,)] = await next(iter(self.parts.databases.values())).fetch("SELECT now FROM sandbox.clock")
        return now

    async def advance(
        self, *, hours: float = 0, minutes: float = 0, seconds: float = 0, to: datetime | None = None
    ) -> datetime:
        """Play business time forward: to each due instant, drained, and on to the end; answers the new time."""
        await self.drain()
        target = to or await self.now() + timedelta(hours=hours, minutes=minutes, seconds=seconds)
        database = next(iter(self.parts.databases.values()))
        due = " UNION ALL ".join(
            f"SELECT min(due_at) AS due FROM {name}.timer WHERE state = 'armed'" for name in self.services
        )
        while True:
            [(instant,)] = await database.fetch(f"SELECT min(due) FROM ({due}) AS every WHERE due <= $1", target)
            step = instant or target
            await database.fetch(
                "UPDATE sandbox.clock SET now = greatest(now, $1), target = greatest(target, $1)", step
            )
            await self.drain()
            if instant is None:
                return target

    async def published(self, kind: type[E], key: str | None = None) -> list[E]:
        """Every event of a type on the bus or on its way there, in order per key."""
        database = next(iter(self.parts.databases.values()))
        outboxes = " UNION ALL ".join(
            f"SELECT type, key, sequence, payload FROM {name}.outbox" for name in self.services
        )
        rows = await database.fetch(
            f"SELECT payload FROM (SELECT type, key, sequence, payload FROM bus.message UNION ALL {outboxes}) AS every "
            "WHERE type = $1 AND ($2::text IS NULL OR key = $2) ORDER BY key, sequence",
            kind.type,
            key,
        )
        return [kind.model_validate_json(row[0]) for row in rows]

    async def publish_from(self, service: str, *events: Event) -> None:
        """Put events on the bus as if `service` had published them; sequences count up per topic and key."""
        async with self.transaction(service) as session:
            for event in events:
                place = (event.topic, event.key)
                self._sequences[place] = self._sequences.get(place, 0) + 1
                publish(session, event, sequence=self._sequences[place])

    @asynccontextmanager
    async def transaction(self, service: str) -> AsyncGenerator[WriteSession]:
        """A worker's transaction of a service, to call its commands directly."""
        async with transaction(self.parts.databases[service], worker_scope(service, "test")) as session:
            yield session

    @asynccontextmanager
    async def reading(self, service: str) -> AsyncGenerator[ReadSession]:
        """A worker's read-only transaction of a service."""
        async with reading(self.parts.databases[service], worker_scope(service, "test")) as session:
            yield session

    def token(self, role: Role, *, stores: Sequence[str] | None = None, subject: str | None = None) -> str:
        """A signed token with one grant; no stores means all."""
        claims = {
            "iss": self.parts.settings.issuer,
            "aud": AUDIENCE,
            "sub": subject or new_id("sta"),
            "kind": "staff",
            "grants": [{"role": role.value, "stores": "*" if stores is None else list(stores)}],
            "iat": machine_ms() // 1000,
            "exp": machine_ms() // 1000 + 600,
        }
        return jwt.encode({"alg": "ES256", "kid": "test"}, claims, ISSUER_KEY)

    async def client(
        self, role: Role | None = Role.OWNER, *, stores: Sequence[str] | None = None, subject: str | None = None
    ) -> httpx2.AsyncClient:
        """An HTTP client on the application in this process, signed in with a role; None: not signed in."""
        headers = (
            {} if role is None else {"authorization": f"Bearer {self.token(role, stores=stores, subject=subject)}"}
        )
        transport = httpx2.ASGITransport(self.app, raise_app_exceptions=False)
        client = httpx2.AsyncClient(transport=transport, base_url="http://storeops", headers=headers, timeout=30.0)
        self._clients.append(client)
        return client


def trusting(verifier: Verifier) -> Verifier:
    """The verifier, trusting the tests' key beside the platform's."""
    fetch = verifier.fetch_keys

    async def keys() -> dict[str, Any]:
        try:
            known = await fetch()
        except Exception:  # noqa: BLE001 - an installation without a platform still serves its tests
            known: dict[str, Any] = {"keys": []}
        return {"keys": [*known["keys"], ISSUER_KEY.as_dict(private=False)]}

    verifier.fetch_keys = keys
    return verifier


@asynccontextmanager
async def open_harness(settings: Settings, services: Mapping[str, Service]) -> AsyncGenerator[Harness]:
    """A harness on a migrated database of its own."""
    async with AsyncExitStack() as stack:
        parts = await stack.enter_async_context(assemble(settings, services, alone=True, everyone=services))
        trusting(parts.context.verifier)
        harness = Harness(parts)
        await harness.start()
        stack.push_async_callback(harness.stop)
        yield harness


def event_of(message: Message) -> Event:
    """The typed event of a message."""
    return REGISTRY[message.type].model_validate_json(message.payload)
