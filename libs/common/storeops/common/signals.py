"""Wake-ups: hints that something is there to do. A lost hint costs one polling interval, never an event.

In a process they are plain events; between processes one NOTIFY per turn, sent after the commit and never inside a
business transaction (it would serialise commits).
"""

import asyncio
import os
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import asyncpg
import orjson

from storeops.common.db import Database

CHANNEL = "storeops"
MAX_PAYLOAD = 7000
"""Bytes of a NOTIFY; PostgreSQL allows 8,000."""

Listener = Callable[[Any], None]


class Signals:
    """Hints by name, inside this process and, when `shared`, to every other process on the same database."""

    def __init__(self, database: Database, *, shared: bool) -> None:
        self._database = database
        self._shared = shared
        self._me = f"{os.getpid()}-{os.urandom(4).hex()}"
        self._listeners: dict[str, list[Listener]] = defaultdict(list)
        self._pending: dict[str, list[Any]] = {}
        self._wake = asyncio.Event()
        self._ear: asyncpg.Connection[asyncpg.Record] | None = None

    def on(self, name: str, listener: Listener) -> Callable[[], None]:
        """Call `listener(data)` at every hint of that name; answers how to stop it, which may be said twice."""
        self._listeners[name].append(listener)

        def stop() -> None:
            with suppress(ValueError):
                self._listeners[name].remove(listener)

        return stop

    def emit(self, name: str, data: Any = None) -> None:
        """Give a hint: to this process now, to others with the next turn of the bridge."""
        self._deliver(name, data)
        if self._shared:
            waiting = self._pending.setdefault(name, [])
            if data is not None or not waiting:
                waiting.append(data)
            self._wake.set()

    async def run(self) -> None:
        """Bridge to other processes until cancelled; does nothing in a single process."""
        if not self._shared:
            await asyncio.Event().wait()
        try:
            while True:
                # The driver calls it an internal error when it meets a connection that the server has just ended.
                with suppress(OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
                    await self._bridge()
                await asyncio.sleep(0.5)
        finally:
            if self._ear is not None:
                self._ear.terminate()

    async def _bridge(self) -> None:
        self._ear = await self._database.connect_driver()
        await self._ear.add_listener(CHANNEL, self._heard)
        while not self._ear.is_closed():
            with suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            self._wake.clear()
            for payload in self._drain():
                await self._ear.execute("SELECT pg_notify($1, $2)", CHANNEL, payload)
            await asyncio.sleep(0.002)

    def _drain(self) -> list[str]:
        pending, self._pending = self._pending, {}
        payloads: list[str] = []
        part: list[tuple[str, Any]] = []
        size = 0
        for name, items in pending.items():
            for data in items:
                length = len(orjson.dumps([name, data]))
                if size + length > MAX_PAYLOAD and part:
                    payloads.append(orjson.dumps([self._me, part]).decode())
                    part, size = [], 0
                part.append((name, data))
                size += length
        if part:
            payloads.append(orjson.dumps([self._me, part]).decode())
        return payloads

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        sender, items = orjson.loads(str(payload))
        if sender != self._me:
            for name, data in items:
                self._deliver(name, data)

    def _deliver(self, name: str, data: Any) -> None:
        for listener in tuple(self._listeners.get(name, ())):
            listener(data)
