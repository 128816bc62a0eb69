"""What a consumer makes of duplicates and of errors."""

import asyncpg
import pytest
from sqlalchemy.exc import OperationalError
from storeops.common.bus.base import BusUnavailable, Message
from storeops.common.consumer import apply, is_passing
from storeops.common.contracts.orders import OrderAudited
from storeops.common.db import DatabaseBusy
from storeops.common.errors import Conflict
from storeops.common.ids import uuid7
from storeops.common.testing.probe import NOON, TOPIC, Probe, listener


def message(sequence: int) -> Message:
    event = OrderAudited(order_id="ord_1", store_id="sto_1", occurred_at=NOON, by=str(sequence))
    body = event.model_dump_json()
    return Message(TOPIC, 0, sequence, str(uuid7()), event.type, "ord_1", sequence, "sto_1", NOON, "{}", body)


async def test_a_message_that_stands_twice_in_a_batch_has_one_effect_at_its_first_place(probe: Probe) -> None:
    first, second, third = (message(n) for n in (1, 2, 3))
    async with probe.transaction() as session:
        await apply(session, listener("g"), [first, second, first, third, second])
    async with probe.transaction() as session:
        await apply(session, listener("g"), [second, third])

    assert await probe.heard() == {"ord_1": ["1", "2", "3"]}


async def test_a_value_that_the_database_cannot_take_does_not_pass(probe: Probe) -> None:
    for value in ("\0", 2**70):
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)) as refusal:
            async with probe.transaction() as session:
                await session.fetch(f"SELECT ${1}::{'text' if isinstance(value, str) else 'bigint'}", value)
        assert not is_passing(refusal.value)


async def test_an_ended_connection_passes(probe: Probe) -> None:
    async def end_my_connection() -> None:
        async with probe.transaction() as session:
            await (await session.driver()).execute("RESET ROLE")
            await session.fetch("SELECT pg_terminate_backend(pg_backend_pid())")

    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)) as refusal:
        await end_my_connection()
    assert is_passing(refusal.value)


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (BusUnavailable("away"), True),
        (DatabaseBusy("full"), True),
        (ConnectionResetError(), True),
        (TimeoutError(), True),
        (asyncpg.DeadlockDetectedError(), True),
        (asyncpg.LockNotAvailableError(), True),
        (asyncpg.InternalClientError(), True),
        (OperationalError("SELECT 1", {}, Exception(), connection_invalidated=True), True),
        (OperationalError("SELECT 1", {}, Exception()), False),
        (asyncpg.UniqueViolationError(), False),
        (Conflict("no"), False),
        (ValueError(), False),
    ],
)
def test_what_passes(error: Exception, passes: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_passing(error) is passes
