"""Sabotage: the classic wrong ways, each as a patch of the running code, to see that the checks catch every one.

A build is the product with one thing done wrong. It is run like the product itself, over the seeds of its control, or
where two must meet that rarely do, in a scene made for it.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from storeops.common import consumer, timers
from storeops.common.bus import postgres, postgres_relay
from storeops.common.bus.base import Batch, Message
from storeops.common.bus.postgres import PostgresSubscription
from storeops.common.db import ReadSession, WriteSession, transaction
from storeops.common.doctor import Finding
from storeops.common.http import routing
from storeops.common.scope import Scope
from storeops.common.spine import FlushStatements, OutboxRow
from storeops.common.timers import DueTimer
from storeops.customer_service.events import events as ticket_events
from storeops.inventory.stock.commands import allocation
from storeops.orders.deadlines.commands import ARM_CLOCKS
from storeops.orders.intake.commands import paying, placing
from storeops.orders.intake.schemas import ChannelOrder

from .miniature import Frailty, NotBegun, Sabotage, Site, miniature, stage
from .scenes import (
    Scene,
    two_batches_crosswise,
    two_callers_in_turn,
    two_carts_at_once,
    two_deciders_at_once,
    two_facts_at_once,
    two_owners,
)
from .two_steps import TwoStepRelay, apart

RUNS = 12
"""How many runs a build may survive before it counts as not caught."""


class Build(NamedTuple):
    """One thing done wrong: in words, how, and where it shows if not in a common run."""

    words: str
    make: Sabotage
    scene: Scene | None = None


class Catch(NamedTuple):
    """What became of a build: after how many runs it was caught, and what saw it; nothing when it was not."""

    build: str
    runs: int
    seen_by: list[Finding]


async def hunt(maintenance_url: str, folder: Path, name: str, seeds: Sequence[int]) -> Catch:
    """Run a build over the seeds until it is caught."""
    for runs, seed in enumerate(seeds, 1):
        seen: list[Finding] = []
        # A build may break so early that its run cannot begin: that is no check's merit.
        with suppress(NotBegun):
            seen = await trial(maintenance_url, folder, seed, scene=BUILDS[name].scene, make=BUILDS[name].make)
        if seen:
            return Catch(name, runs, seen)
    return Catch(name, len(seeds), [])


async def trial(
    maintenance_url: str, folder: Path, seed: int, *, scene: Scene | None = None, make: Sabotage | None = None
) -> list[Finding]:
    """What one run finds broken, in the scene or the miniature; `make` None is the control."""
    if scene is None:
        return (await miniature(maintenance_url, folder, seed, make)).broken
    chance = Random(seed)
    async with stage(maintenance_url, folder, Frailty(chance), make) as (harness, admin):
        return [found for found in await scene(harness, admin, chance) if found.broken]


def rewrite(site: Site, old: str, new: str) -> None:
    """Have every statement that services send through a session changed where it reads `old`."""

    def changed(original: Any) -> Any:
        async def send(session: ReadSession, sql: str, *args: Any) -> Any:
            return await original(session, sql.replace(old, new), *args)

        return send

    for name in ("fetch", "fetchrow", "fetchval"):
        site.patch.setattr(ReadSession, name, changed(getattr(ReadSession, name)))


def changed(text: str, old: str, new: str) -> str:
    """A text with a part changed that must be there."""
    assert old in text, old
    return text.replace(old, new)


def read_outbox_by_cursor(site: Site) -> None:
    """`id > last`: what commits late with a lower id is passed over, and tidied away as if it had been sent."""
    last: dict[str, int] = {}
    turning = asyncio.Lock()

    class CursorRelay(TwoStepRelay):
        async def turn(self, limit: int) -> int:
            if site.frailty.over:
                # What is lost in setting up a run would keep it from beginning.
                return await super().turn(limit)
            async with turning:
                [(events, end)] = await apart(
                    self._database,
                    self.schema,
                    "SELECT jsonb_agg(o ORDER BY id)::text, max(id) FROM "
                    f"(SELECT * FROM {self.schema}.outbox WHERE id > $1 ORDER BY id LIMIT $2) AS o",
                    last.get(self.schema, 0),
                    limit,
                )
                if events is None:
                    return 0
                count = await self.put(events)
                last[self.schema] = end
                tidy = f"DELETE FROM {self.schema}.outbox WHERE id <= $1"
                await apart(self._database, self.schema, tidy, end)
                return count

    site.patch.setattr(postgres, "PostgresRelay", CursorRelay)


def delete_before_ack(site: Site) -> None:
    """The relay deletes events, and dies before the bus has them."""
    turning = asyncio.Lock()

    class HastyRelay(TwoStepRelay):
        async def turn(self, limit: int) -> int:
            if site.frailty.over:
                # Between the two steps all looks quiet, which the setting up of a run believes.
                return await super().turn(limit)
            async with turning:
                [(events,)] = await apart(
                    self._database,
                    self.schema,
                    f"WITH gone AS (DELETE FROM {self.schema}.outbox WHERE id IN (SELECT id FROM {self.schema}.outbox "
                    "ORDER BY id LIMIT $1) RETURNING *) SELECT jsonb_agg(gone ORDER BY id)::text FROM gone",
                    limit,
                )
                if events is None:
                    return 0
                await site.frailty.reach("sabotage.sending")
                return await self.put(events)

    site.patch.setattr(postgres, "PostgresRelay", HastyRelay)


def relay_in_any_order(site: Site) -> None:
    """The relay numbers events as they come to hand, not as they were written."""
    shuffled = changed(postgres_relay.RELAY, "ORDER BY id LIMIT $1", "ORDER BY random() LIMIT $1")
    shuffled = changed(shuffled, "topic, partition ORDER BY id", "topic, partition ORDER BY random()")
    site.patch.setattr(postgres_relay, "RELAY", shuffled)


def publish_before_commit(site: Site) -> None:
    """Events leave by another connection; then the transaction may still die."""
    flush = WriteSession._flush  # pyright: ignore[reportPrivateUsage] - what is sabotaged or watched is inside

    async def hasty(session: WriteSession) -> None:
        events = session.outbox
        if events:
            statement = FlushStatements.of(session.scope.service).outbox
            await apart(session.database, session.scope.service, statement, *OutboxRow.columns(events))
            await site.frailty.reach("sabotage.published")
        session.outbox = []
        await flush(session)
        session.outbox = events

    site.patch.setattr(WriteSession, "_flush", hasty)


def inbox_outside(site: Site) -> None:
    """A message is noted as handled in a transaction of its own, before its effect commits."""
    receive = consumer.receive

    async def alone(session: WriteSession, group: str, messages: Sequence[Message]) -> Any:
        async with transaction(session.database, session.scope) as own:
            return await receive(own, group, messages)

    site.patch.setattr(consumer, "receive", alone)


def position_before_effect(site: Site) -> None:
    """The group's position is committed before the effect."""
    fence = PostgresSubscription.fence

    async def alone(subscription: PostgresSubscription, session: WriteSession, batch: Batch) -> None:
        if site.frailty.over:
            # Between the two commits all looks quiet, which the setting up of a run believes.
            await fence(subscription, session, batch)
            return
        async with transaction(session.database, session.scope) as own:
            await fence(subscription, own, batch)

    site.patch.setattr(PostgresSubscription, "fence", alone)


def no_fencing(site: Site) -> None:
    """A member that was paused past its lease goes on as if the partition were still its own."""

    async def unfenced(subscription: PostgresSubscription, session: WriteSession, batch: Batch) -> None:
        await session.fetch(
            "UPDATE bus.group_offset SET next_offset = $4 WHERE grp = $1 AND topic = $2 AND partition = $3",
            subscription._group,  # pyright: ignore[reportPrivateUsage] - what is sabotaged or watched is inside
            batch.topic,
            batch.partition,
            batch.end,
        )

    site.patch.setattr(PostgresSubscription, "fence", unfenced)


def park_without_key(site: Site) -> None:
    """What follows a parked message of its key goes on."""
    receive = consumer.receive

    async def unblocked(session: WriteSession, group: str, messages: Sequence[Message]) -> Any:
        fresh, _ = await receive(session, group, messages)
        return fresh, set[tuple[str, str]]()

    site.patch.setattr(consumer, "receive", unblocked)


async def read_then_write_stock(site: Site) -> None:
    """Stock is read without a lock, judged in memory and written after a moment; no CHECK stands behind it."""
    await site.admin.execute("ALTER TABLE inventory.stock_level DROP CONSTRAINT stock_level_available_check")
    rewrite(site, "FOR UPDATE OF level", "")
    lock_levels = allocation.lock_levels

    async def read(session: ReadSession, keys: Any) -> Any:
        available = await lock_levels(session, keys)
        await asyncio.sleep(0.02)
        return available

    site.patch.setattr(allocation, "lock_levels", read)


def lock_stock_in_any_order(site: Site) -> None:
    """Levels are locked in no order: two carts wait for each other."""
    rewrite(site, "ORDER BY level.warehouse_id, level.sku FOR UPDATE", "ORDER BY random() FOR UPDATE")


def levels_without_ledger(site: Site) -> None:
    """Now and then a level changes without its ledger line."""
    rewrite(site, "SELECT line.*, $10, $11 FROM line)", "SELECT line.*, $10, $11 FROM line WHERE random() < 0.98)")


def arm_after_commit(site: Site) -> None:
    """Orders commit; their deadlines are armed in a second transaction."""
    without = f", clock AS ({ARM_CLOCKS})"
    assert without in paying.MARK_PAID
    assert without in placing.WRITE_ORDERS
    site.patch.setattr(paying, "MARK_PAID", paying.MARK_PAID.replace(without, ""))
    site.patch.setattr(placing, "WRITE_ORDERS", placing.WRITE_ORDERS.replace(without, ""))
    commit = WriteSession._commit  # pyright: ignore[reportPrivateUsage] - what is sabotaged or watched is inside
    arming = (
        "WITH written AS (SELECT order_id, warn_at, late_at, breach_at, expires_at FROM orders.sales_order "
        f"WHERE order_id = ANY ($1)) {ARM_CLOCKS} ON CONFLICT DO NOTHING"
    )

    async def late(session: WriteSession) -> None:
        await commit(session)
        orders = [row.key for row in session.outbox if row.type in ("order.placed.v1", "order.paid.v1")]
        if orders:
            await site.frailty.reach("sabotage.arming")
            await apart(session.database, "orders", arming, orders)

    site.patch.setattr(WriteSession, "_commit", late)


def mark_before_firing(site: Site) -> None:
    """A deadline is marked fired in a transaction of its own, before what it causes commits."""
    mark_fired = timers.mark_fired

    async def alone(session: WriteSession, due: Sequence[DueTimer], now: Any) -> None:
        async with transaction(session.database, session.scope) as own:
            await mark_fired(own, due, now)

    site.patch.setattr(timers, "mark_fired", alone)


def count_from_now(site: Site) -> None:
    """Clocks count from when a channel's order arrives, not from when it was paid."""
    draft_order = placing.draft_order

    def drafted(body: Any, *args: Any, now: Any, **named: Any) -> Any:
        if isinstance(body, ChannelOrder):
            body = body.model_copy(update={"paid_at": now})
        return draft_order(body, *args, now=now, **named)

    site.patch.setattr(placing, "draft_order", drafted)


def retry_without_key(site: Site) -> None:
    """A request that is sent again after any trouble is a new one: nobody looks at its key."""

    def keyless(_request: object, *, required: bool) -> None:
        del required

    site.patch.setattr(routing, "key_of", keyless)


def keep_answer_later(site: Site) -> None:
    """The answer is kept under its key in a second transaction."""
    commit = WriteSession._commit  # pyright: ignore[reportPrivateUsage] - what is sabotaged or watched is inside

    async def late(session: WriteSession) -> None:
        answer, session.idempotency = session.idempotency, None
        await commit(session)
        if answer is not None:
            await site.frailty.reach("sabotage.keeping")
            statement = FlushStatements.of(session.scope.service).idempotency
            await apart(session.database, session.scope.service, statement, *answer)

    site.patch.setattr(WriteSession, "_commit", late)


async def look_then_open_ticket(site: Site) -> None:
    """A cause's ticket is looked for, and opened when there is none; no unique index stands behind it."""
    await site.admin.execute("DROP INDEX customer_service.ticket_one_open_per_cause")
    rewrite(site, "ON CONFLICT (store_id, cause_key) WHERE state <> 'settled' DO NOTHING", "")


def lock_call_by_call(site: Site) -> None:
    """A transaction of several calls locks for each call by itself."""
    site.patch.setattr(ticket_events, "lock", None)


def leave_stores_on_session(site: Site) -> None:
    """What a caller may see is set for the connection instead of the transaction."""
    opening = Scope.opening

    def left(scope: Scope, lease: float) -> str:
        before, found, stores = opening(scope, lease).partition("SET LOCAL storeops.stores = ")
        if not found:
            return before
        return (
            f"{before}SELECT set_config('storeops.stores', {stores}, false) "
            "WHERE coalesce(current_setting('storeops.stores', true), '') = ''"
        )

    site.patch.setattr(Scope, "opening", left)


BUILDS: dict[str, Build] = {
    "cursor outbox": Build("the relay reads on behind the last id it saw", read_outbox_by_cursor),
    "delete before ack": Build("the relay deletes events before the bus has them", delete_before_ack),
    "relay in any order": Build("the relay sends events in no order", relay_in_any_order),
    "publish before commit": Build("events leave before their transaction commits", publish_before_commit),
    "inbox outside": Build("the inbox row commits before the effect", inbox_outside),
    "position before effect": Build("the group's position commits before the effect", position_before_effect),
    "no fencing": Build("a member goes on past its lease", no_fencing, two_owners),
    "parking without key": Build("what follows a parked message of its key goes on", park_without_key),
    "naive stock check": Build(
        "stock is read, judged and then written, without a lock", read_then_write_stock, two_deciders_at_once
    ),
    "unsorted locks": Build("levels are locked in no order", lock_stock_in_any_order, two_carts_at_once),
    "levels without ledger": Build("one change of a level in fifty writes no ledger line", levels_without_ledger),
    "timer outside": Build("deadlines are armed after the commit of their cause", arm_after_commit),
    "mark before firing": Build("a deadline is marked fired before its effect commits", mark_before_firing),
    "now for event time": Build("clocks count from arrival instead of payment", count_from_now),
    "retry without key": Build("a repeated request is a new one", retry_without_key),
    "answer kept later": Build("the answer is kept after the commit that it answers", keep_answer_later),
    "ticket check-then-act": Build("a ticket is looked for, then opened", look_then_open_ticket, two_facts_at_once),
    "locks call by call": Build(
        "a transaction of several calls locks for each of them", lock_call_by_call, two_batches_crosswise
    ),
    "stores left on session": Build(
        "a caller's stores stay set on the pooled connection", leave_stores_on_session, two_callers_in_turn
    ),
}
"""Every build, by its name in `docs/proof.md`."""
