"""Transactions: lazy, owned by one function, and never silently without effect."""

import asyncio

import asyncpg
import pytest
from storeops.common import db
from storeops.common.consumer import is_passing
from storeops.common.db import CommitRefused, Database, DatabaseBusy, WriteSession, reading, transaction
from storeops.common.scope import Scope, worker_scope
from storeops.common.testing.probe import SERVICE, Probe, say

WORKER = worker_scope(SERVICE, "test")


@pytest.fixture
def small(probe: Probe) -> Database:
    """A pool of one connection."""
    return Database(probe.database.url, size=1)


async def test_a_session_takes_no_connection_before_its_first_use(small: Database) -> None:
    taken = await small.acquire()
    async with transaction(small, WORKER), reading(small, WORKER):
        pass
    small.release(taken)
    await small.close()


async def test_the_scope_is_open_from_the_first_statement_and_gone_after_the_last(small: Database) -> None:
    async with transaction(small, Scope(SERVICE, "staff_1", frozenset({"sto_2", "sto_1"}))) as session:
        assert await session.fetchval("SELECT current_user::text") == "svc_probe"
        assert await session.fetchval("SELECT current_setting('storeops.stores')") == "sto_1,sto_2"
    async with transaction(small, WORKER) as session:
        assert await session.fetchval("SELECT current_user::text") == "wrk_probe"
        assert await session.fetchval("SELECT coalesce(current_setting('storeops.stores', true), '')") == ""
        assert await session.fetchval("SELECT current_setting('idle_in_transaction_session_timeout')") == "7500ms"
    await small.close()


@pytest.mark.parametrize("name", ["", "sto 1", "sto_1'; RESET ROLE; --", "店铺", "a" * 65, "sto_1,sto_2", "sto_1\n"])
def test_odd_names_never_enter_the_opening_message(name: str) -> None:
    with pytest.raises(ValueError, match="no name of ours"):
        Scope(SERVICE, "staff_1", frozenset({name})).opening(15.0)
    with pytest.raises(ValueError, match="no name of ours"):
        worker_scope(name).opening(15.0)


async def test_no_store_is_none_and_not_all(small: Database) -> None:
    async with reading(small, Scope(SERVICE, "staff_1", frozenset())) as session:
        assert await session.fetchval("SELECT current_setting('storeops.stores')") == ""
    async with reading(small, Scope(SERVICE, "staff_1", None)) as session:
        assert await session.fetchval("SELECT current_setting('storeops.stores')") == "*"
    await small.close()


async def test_a_reading_session_cannot_write(probe: Probe) -> None:
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with reading(probe.database, WORKER) as session:
            await session.fetch("INSERT INTO probe.thing VALUES ('ord_1', 1)")


async def test_a_commit_that_fails_is_an_error_and_the_connection_stays_good(small: Database) -> None:
    sessions: list[WriteSession] = []

    async def commit_in_vain() -> None:
        async with transaction(small, WORKER) as session:
            sessions.append(session)
            # Refused only at the commit, as a serialisation failure or a deferred constraint would be.
            await session.fetch(
                "CREATE TEMPORARY TABLE late (n int UNIQUE DEFERRABLE INITIALLY DEFERRED) ON COMMIT DROP"
            )
            await session.fetch("INSERT INTO late VALUES (1), (1)")
            await say(session, "ord_1")

    with pytest.raises(asyncpg.UniqueViolationError):
        await commit_in_vain()
    assert not sessions[0].committed
    async with transaction(small, WORKER) as session:
        assert await session.fetchval("SELECT count(*) FROM probe.outbox") == 0
    await small.close()


async def test_a_swallowed_error_cannot_end_in_a_silent_rollback(small: Database) -> None:
    async def swallow() -> None:
        async with transaction(small, WORKER) as session:
            await session.fetch("INSERT INTO probe.thing VALUES ('ord_1', 1)")
            with pytest.raises(asyncpg.DivisionByZeroError):
                await session.fetch("SELECT 1 / 0")

    with pytest.raises(CommitRefused):
        await swallow()
    async with reading(small, WORKER) as session:
        assert await session.fetchval("SELECT count(*) FROM probe.thing") == 0
    await small.close()


async def test_a_connection_that_breaks_is_replaced(probe: Probe, small: Database) -> None:
    async def lose_the_connection() -> None:
        async with transaction(small, WORKER) as session:
            pid = await session.fetchval("SELECT pg_backend_pid()")
            slot = await probe.database.acquire()
            await slot.driver.fetch("SELECT pg_terminate_backend($1)", pid)
            probe.database.release(slot)
            await say(session, "ord_1")

    with pytest.raises(Exception, match=r"connection|operation") as failure:
        await lose_the_connection()
    assert is_passing(failure.value)
    async with reading(small, WORKER) as session:
        assert await session.fetchval("SELECT count(*) FROM probe.outbox") == 0
    await small.close()


async def test_an_exhausted_pool_refuses_after_its_time_and_serves_again(
    small: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "POOL_TIMEOUT", 0.05)
    async with transaction(small, WORKER) as session:
        await session.fetch("SELECT 1")
        with pytest.raises(DatabaseBusy):
            async with transaction(small, WORKER) as second:
                await second.fetch("SELECT 1")
    async with transaction(small, WORKER) as session:
        assert await session.fetchval("SELECT 1") == 1
    await small.close()


async def test_everyone_waiting_for_the_pool_gets_a_turn_though_some_give_up(small: Database) -> None:
    served = 0

    async def use() -> None:
        nonlocal served
        async with transaction(small, WORKER) as session:
            await session.fetch("SELECT pg_sleep(0.001)")
        served += 1

    users = [asyncio.create_task(use()) for _ in range(40)]
    await asyncio.sleep(0)
    for user in users[1::4]:
        user.cancel()
    results = await asyncio.gather(*users, return_exceptions=True)

    given_up = [result for result in results if isinstance(result, asyncio.CancelledError)]
    assert served == len(users) - len(given_up)
    assert len(given_up) == 10
    async with asyncio.timeout(5):
        await use()
    await small.close()


async def test_the_two_views_of_a_session_share_its_transaction(small: Database) -> None:
    async with transaction(small, WORKER) as session:
        await session.fetch("INSERT INTO probe.thing VALUES ('ord_1', 1)")
        connection = await (await session.orm()).connection()
        assert (await connection.exec_driver_sql("SELECT count(*) FROM probe.thing")).scalar() == 1
    async with reading(small, WORKER) as session:
        assert await session.fetchval("SELECT count(*) FROM probe.thing") == 1
    await small.close()
