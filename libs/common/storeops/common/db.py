"""Transactions: the only owner of BEGIN, COMMIT and ROLLBACK, and the pool they run on.

A session is lazy: it takes a connection and opens its transaction at first use, in one message that also sets the
role and the stores it may see (row-level security). What a use case publishes is written by the session's last
statement, in the same transaction. Knows no web framework and no bus.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from typing import Any, NamedTuple

import asyncpg
from asyncpg import Record
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlmodel.ext.asyncio.session import AsyncSession

from storeops.common.address import address_of
from storeops.common.clock import machine_now
from storeops.common.errors import Unavailable
from storeops.common.scope import Scope
from storeops.common.spine import FlushStatements, IdempotencyRow, OutboxRow

POOL_TIMEOUT = 10.0
"""Seconds a transaction waits for a connection before it is refused."""


class DatabaseBusy(Unavailable):
    """Every connection of this process was in use for too long."""


class KeyAwaited(Exception):
    """Another transaction answers this request's Idempotency-Key, and has not ended in time."""


class CommitRefused(Exception):
    """A transaction ended without effect although its block ended well."""


class Slot(NamedTuple):
    """One connection, seen through SQLAlchemy and through its driver."""

    connection: AsyncConnection
    driver: "asyncpg.Connection[Record]"


class Database:
    """A pool of connections to one PostgreSQL, shared by all services of the process.

    The pool is ours because a transaction here leaves its connection clean: the reset on release that pools do costs
    80 µs, and SQLAlchemy's check-out through greenlets more than a whole small statement.
    """

    def __init__(self, url: str, *, size: int = 20, sandbox: bool = False, worker_lease: float = 15.0) -> None:
        self.url = url
        self.sandbox = sandbox
        self.worker_lease = worker_lease
        self._size = size
        self._idle: list[Slot] = []
        self._open = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._address = address_of(url)
        server_settings = {"application_name": "storeops", "jit": "off", "timezone": "UTC"}
        self._engine: AsyncEngine = create_async_engine(
            self._address.engine_url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args={"server_settings": server_settings, **self._address.options},
            hide_parameters=True,
        )

    async def acquire(self) -> Slot:
        """A connection that nobody else uses; raises `DatabaseBusy` after `POOL_TIMEOUT` seconds."""
        while True:
            while self._idle:
                slot = self._idle.pop()
                if not slot.driver.is_closed():
                    return slot
                await self._discard(slot)
            if self._open < self._size:
                self._open += 1
                try:
                    return await self._connect()
                except BaseException:
                    self._open -= 1
                    self._wake_one()
                    raise
            await self._wait()

    def release(self, slot: Slot) -> None:
        """Give a clean connection back."""
        self._idle.append(slot)
        self._wake_one()

    async def discard(self, slot: Slot) -> None:
        """Give back a connection whose state is unknown: it is closed."""
        await self._discard(slot)
        self._wake_one()

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """The rows of one statement of the spine's own, outside any transaction and any service's role."""
        slot = await self.acquire()
        try:
            rows = await slot.driver.fetch(sql, *args)
        except BaseException:
            await self.discard(slot)
            raise
        self.release(slot)
        return rows

    async def connect_driver(self, **settings: Any) -> "asyncpg.Connection[Record]":
        """A driver connection of its own, outside the pool: for LISTEN and session locks."""
        return await asyncpg.connect(self._address.dsn, **{**self._address.options, **settings})

    async def close(self) -> None:
        """Close every idle connection."""
        while self._idle:
            await self._discard(self._idle.pop())
        await self._engine.dispose()

    async def _connect(self) -> Slot:
        connection = await self._engine.connect()
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        assert driver is not None
        return Slot(connection, driver)

    async def _discard(self, slot: Slot) -> None:
        self._open -= 1
        slot.driver.terminate()
        # The connection is gone already; what closing it says about that is no news.
        with suppress(Exception):
            await slot.connection.invalidate()
            await slot.connection.close()

    async def _wait(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(POOL_TIMEOUT):
                await turn
        except TimeoutError as error:
            if turn.done() and not turn.cancelled():
                return
            message = f"no database connection was free within {POOL_TIMEOUT:g} s"
            raise DatabaseBusy(message) from error
        except asyncio.CancelledError:
            # Woken and cancelled at once: the turn goes to the next, or nobody would take the connection.
            if turn.done() and not turn.cancelled():
                self._wake_one()
            raise
        finally:
            if turn in self._waiting:
                self._waiting.remove(turn)

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return


class ReadSession:
    """One transaction's view of a service's schema; opens at first use."""

    read_only = True

    def __init__(self, database: Database, scope: Scope) -> None:
        self.database = database
        self.scope = scope
        self._slot: Slot | None = None
        self._orm: AsyncSession | None = None
        self._now: datetime | None = None

    async def driver(self) -> "asyncpg.Connection[Record]":
        """The driver's connection, inside the transaction: for hot paths."""
        return (await self._opened()).driver

    async def fetch(self, sql: str, *args: Any) -> list[Record]:
        """All rows of a prepared statement."""
        return await (await self._opened()).driver.fetch(sql, *args)

    async def fetchrow(self, sql: str, *args: Any) -> Record | None:
        """The first row of a prepared statement, if any."""
        return await (await self._opened()).driver.fetchrow(sql, *args)

    async def fetchval(self, sql: str, *args: Any) -> Any:
        """The first column of the first row of a prepared statement."""
        return await (await self._opened()).driver.fetchval(sql, *args)

    async def orm(self) -> AsyncSession:
        """The typed session over the same transaction: `(await session.orm()).exec(select(Store))`."""
        if self._orm is None:
            slot = await self._opened()
            self._orm = AsyncSession(bind=slot.connection, expire_on_commit=False)
        return self._orm

    async def now(self) -> datetime:
        """Business time of this transaction: read once, the same for everything in it."""
        if self._now is None:
            if self.database.sandbox:
                self._now = await self.fetchval("SELECT now FROM sandbox.clock")
                assert self._now is not None
            else:
                self._now = machine_now()
        return self._now

    async def _opened(self) -> Slot:
        if self._slot is None:
            slot = await self.database.acquire()
            try:
                await slot.driver.execute(self._opening())
            except BaseException:
                await self.database.discard(slot)
                raise
            self._slot = slot
        return self._slot

    def _opening(self) -> str:
        begin = "BEGIN READ ONLY" if self.read_only else "BEGIN"
        return f"{begin}; {self.scope.opening(self.database.worker_lease)}"

    async def _commit(self) -> None:
        if self._slot is None:
            return
        if self._orm is not None:
            await self._orm.flush()
        await self._flush()
        answer = await self._slot.driver.execute("COMMIT")
        await self._release()
        if answer != "COMMIT":
            message = f"PostgreSQL answered {answer}: a statement had failed and its error was swallowed"
            raise CommitRefused(message)

    async def _flush(self) -> None:
        return

    async def _release(self) -> None:
        slot, self._slot = self._slot, None
        assert slot is not None
        try:
            if self._orm is not None:
                await self._orm.close()
                await slot.connection.rollback()
                self._orm = None
        except BaseException:
            await self.database.discard(slot)
            raise
        self.database.release(slot)

    async def _abort(self) -> None:
        if self._slot is None:
            return
        try:
            await self._slot.driver.execute("ROLLBACK")
            await self._release()
        except BaseException as error:
            # Whatever broke the rollback, the connection must not be used again; nor must its place be lost.
            await self._discard()
            if not isinstance(error, Exception):
                raise

    async def _discard(self) -> None:
        slot, self._slot, self._orm = self._slot, None, None
        if slot is not None:
            await self.database.discard(slot)


class Cause(NamedTuple):
    """The event that a handler acts on."""

    event_id: str
    correlation_id: str | None
    traceparent: str | None


class WriteSession(ReadSession):
    """A transaction that changes and publishes: both commit, or neither."""

    read_only = False

    def __init__(self, database: Database, scope: Scope) -> None:
        super().__init__(database, scope)
        self.outbox: list[OutboxRow] = []
        self.idempotency: IdempotencyRow | None = None
        self.causes: dict[str, Cause] = {}
        """Events being handled, by key: what is published for a key was caused by that key's event."""
        self.committed = False
        self.announcements: list[tuple[str, Any]] = []
        """Hints for waiting callers, given by whoever owns the transaction after its commit."""

    def announce(self, name: str, data: Any) -> None:
        """Give every process a hint once this transaction has committed; `data` is small plain JSON."""
        self.announcements.append((name, data))

    async def _flush(self) -> None:
        statements = FlushStatements.of(self.scope.service)
        driver = await self.driver()
        if self.idempotency:
            events = OutboxRow.columns(self.outbox) if self.outbox else []
            statement = statements.both if self.outbox else statements.idempotency
            try:
                await driver.fetch(statement, *events, *self.idempotency)
            except asyncpg.LockNotAvailableError as error:
                # Nothing else in these statements waits for another transaction.
                raise KeyAwaited from error
        elif self.outbox:
            await driver.fetch(statements.outbox, *OutboxRow.columns(self.outbox))


@asynccontextmanager
async def transaction(database: Database, scope: Scope) -> AsyncGenerator[WriteSession]:
    """A writing transaction: commits when the block ends well, rolls back when it raises.

    Nothing else in the system commits.
    """
    session = WriteSession(database, scope)
    try:
        yield session
        if session.outbox or session.idempotency:
            await session.driver()
        await session._commit()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this owns the transaction
        session.committed = True
    except BaseException:
        await session._abort()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this owns the transaction
        raise


@asynccontextmanager
async def reading(database: Database, scope: Scope) -> AsyncGenerator[ReadSession]:
    """A read-only transaction."""
    session = ReadSession(database, scope)
    try:
        yield session
        await session._commit()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this owns the transaction
    except BaseException:
        await session._abort()  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - this owns the transaction
        raise
