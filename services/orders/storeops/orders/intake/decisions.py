"""Callers that wait for what becomes of their order's stock (`Prefer: wait`), once it is committed.

Apart because it works outside of every transaction. The decision comes as a hint; who hears none looks at the order's
row each second. Holds no connection while it waits.
"""

import asyncio
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any
from weakref import WeakKeyDictionary, WeakValueDictionary

import orjson
from fastapi import Request, Response

from storeops.common.clock import monotonic
from storeops.common.db import reading
from storeops.common.http.context import HttpContext, context_of
from storeops.common.http.problems import problem
from storeops.common.scope import Scope
from storeops.common.signals import Signals
from storeops.orders.intake import queries
from storeops.orders.intake.commands.deciding import DECISION
from storeops.orders.intake.errors import StockShort
from storeops.orders.intake.rules import Phase

WAIT = re.compile(r"(?:^|[,;])\s*wait\s*=\s*(\d{1,6})\s*(?:$|[,;])", re.IGNORECASE)
LONGEST = 30
"""Seconds that a caller may wait."""
LOOK_EVERY = 1.0

Decision = dict[str, Any]
Waiting = WeakValueDictionary[str, "asyncio.Future[Decision]"]

_waiting: WeakKeyDictionary[Signals, Waiting] = WeakKeyDictionary()
# Who waits, by the process's signals: a process has one, a test with several installations has several.


def seconds_preferred(prefer: str | None) -> int | None:
    """The seconds of `Prefer: wait=N`, 30 at most; None when the header says nothing of it."""
    found = WAIT.search(prefer or "")
    return min(int(found.group(1)), LONGEST) if found else None


def expect(signals: Signals, order_id: str) -> "asyncio.Future[Decision]":
    """What will hold an order's decision; asked for before the order commits, and kept by who wants it."""
    waiting = _waiting.get(signals)
    if waiting is None:
        waiting = _waiting[signals] = WeakValueDictionary()
        signals.on(DECISION, listener(waiting))
    future = waiting.get(order_id)
    if future is None:
        future = waiting[order_id] = asyncio.get_running_loop().create_future()
    return future


def listener(waiting: Waiting) -> Callable[[Any], None]:
    """Gives each hint to whoever waits for it."""

    def hear(decision: Any) -> None:
        future = waiting.get(decision["order_id"])
        if future is not None and not future.done():
            future.set_result(decision)

    return hear


def answer_when_decided(request: Request, scope: Scope, *, seconds: int) -> None:
    """Let the answer wait, after the commit: 201 payable or 409 `stock_short` instead of 202 as placed.

    A repeat of an earlier request waits for that one's order, so that both get the same answer.
    """

    async def afterwards(response: Response) -> Response:
        order_id = str(orjson.loads(response.body)["order_id"])
        decision = await decided(
            context_of(request),
            scope,
            order_id,
            seconds=seconds,
            look_first="idempotency-replayed" in response.headers,
        )
        return response if decision is None else decided_answer(request, response, decision)

    request.state.afterwards = afterwards


def expect_decision(request: Request, order_id: str) -> None:
    """Register for an order's decision for as long as the request lives."""
    request.state.decision = expect(context_of(request).signals, order_id)


async def decided(
    context: HttpContext, scope: Scope, order_id: str, *, seconds: float, look_first: bool
) -> Decision | None:
    """An order's decision, waited for at most so many seconds; None while there is none."""
    future = expect(context.signals, order_id)
    until = monotonic() + seconds
    pause = 0.0 if look_first else LOOK_EVERY
    while True:
        left = until - monotonic()
        await asyncio.wait([future], timeout=max(0.0, min(pause, left)))
        decision = future.result() if future.done() else None
        if decision is None or decision.get("lines", ()) is None:
            decision = await look(context, scope, order_id)
        if decision is not None or left <= pause:
            return decision
        pause = LOOK_EVERY


async def look(context: HttpContext, scope: Scope, order_id: str) -> Decision | None:
    """An order's decision as its row has it."""
    async with reading(context.databases["orders"], scope) as session:
        row = await queries.decision_of(session, order_id)
    if row is None or (row.allocated_at is None and row.cancel_reason != "short"):
        return None
    if row.allocated_at is None:
        return {"order_id": order_id, "short": True, "lines": row.short_lines}
    return {"order_id": order_id, "allocated_at": row.allocated_at.isoformat(), "warehouse_id": row.warehouse_id}


def decided_answer(request: Request, placed: Response, decision: Decision) -> Response:
    """The answer that a decision makes of the order as it was placed."""
    if decision.get("short"):
        missing = ", ".join(line["sku"] for line in decision["lines"])
        return problem(
            StockShort.status,
            StockShort.code(),
            StockShort.title,
            f"no warehouse of the store holds the whole order; short: {missing}",
            request,
            order_id=decision["order_id"],
            lines=decision["lines"],
        )
    order = orjson.loads(placed.body) | {
        "phase": Phase.PAYABLE,
        "allocated_at": datetime.fromisoformat(decision["allocated_at"]),
        "warehouse_id": decision["warehouse_id"],
    }
    headers = {"location": placed.headers["location"], "preference-applied": "wait"}
    body = orjson.dumps(order, option=orjson.OPT_UTC_Z)
    return Response(body, 201, headers, media_type="application/json")
