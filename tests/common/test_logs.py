"""What errors quote of a row reaches neither logs nor parked messages."""

import traceback

import asyncpg
import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from storeops.common.consumer import park
from storeops.common.logs import redact, without_values
from storeops.common.parked import list_parked, replay_parked
from storeops.common.testing.probe import SERVICE, Probe, listener

from .test_parked import message

CANARY = "canary of\nWang Xiaoming"
TWICE = "INSERT INTO probe.thing VALUES ($1, 1), ($1, 1)"


async def failures(probe: Probe) -> list[Exception]:
    """The same row refused to the driver and through SQLAlchemy, and a value that cannot be taken."""
    caught: list[Exception] = []
    for statement in (TWICE, "SELECT $1::int"):
        try:
            async with probe.transaction() as session:
                await session.fetch(statement, CANARY)
        except (asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            caught.append(error)
    try:
        async with probe.transaction() as session:
            connection = await (await session.orm()).connection()
            await connection.execute(text(TWICE.replace("$1", ":key")), {"key": CANARY})
    except DBAPIError as error:
        caught.append(error)
    assert len(caught) == 3
    return caught


async def test_a_trace_says_what_failed_and_not_with_which_values(probe: Probe) -> None:
    for error in await failures(probe):
        trace = "".join(traceback.format_exception(error))
        assert "canary" in trace
        for told in (trace, repr(error), str(error)):
            assert "Xiaoming" not in without_values(told)
            assert "canary" not in without_values(told)
        assert ("duplicate key value" in without_values(trace)) == ("duplicate key value" in trace)


async def test_a_log_line_holds_no_value_even_where_a_person_reads_it(probe: Probe) -> None:
    terminal = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    for error in await failures(probe):
        entry = structlog.processors.format_exc_info(None, "error", {"event": "failed", "exc_info": error})
        shown = terminal(None, "error", redact(None, "error", entry))
        assert "canary" not in shown
        assert "Traceback" in shown


async def test_a_parked_message_holds_no_value(probe: Probe) -> None:
    [error, *_] = await failures(probe)

    def refuse(_event: object) -> None:
        raise error

    async with probe.transaction() as session:
        await park(session, "g", [(message("ord_1", 1), "why", "trace")])
    verdicts = await replay_parked(probe.database, SERVICE, listener("g", refuse=refuse), actor="staff_1")

    async with probe.reading() as session:
        [parked] = await list_parked(session)
        [audited] = await session.fetch("SELECT reason FROM probe.parked_audit")
    assert "UniqueViolationError" in parked.trace
    assert "canary" not in f"{parked.error}{parked.trace}{audited[0]}{verdicts}"
