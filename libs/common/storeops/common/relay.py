"""Keeps a service's outbox empty: turns at once when woken, in a rhythm under load, and polls besides."""

import asyncio
from contextlib import suppress

import structlog

from storeops.common.bus.base import Relay
from storeops.common.clock import monotonic
from storeops.common.consumer import is_passing
from storeops.common.faults import reach
from storeops.common.metrics import RELAYED
from storeops.common.signals import Signals

log = structlog.get_logger()

LIMIT = 500
"""Events of one turn at most; a full turn is followed by the next at once."""
RHYTHM = 0.004
"""Seconds between two turns under load."""
POLL = 0.25
"""Seconds after which the relay looks without being woken."""


async def run_relay(relay: Relay, service: str, signals: Signals) -> None:
    """Move events until cancelled."""
    wake = asyncio.Event()
    stop = signals.on(f"outbox:{service}", lambda _data: wake.set())
    pause = 0.0
    try:
        while True:
            wake.clear()
            started = monotonic()
            try:
                moved = await relay.turn(LIMIT)
                pause = 0.0
            except Exception as error:
                if not is_passing(error):
                    raise
                pause = min(5.0, pause * 2 or 0.05)
                log.warning("relay_retry", service=service, error=repr(error), pause=pause)
                await asyncio.sleep(pause)
                continue
            if moved:
                await reach("relay.after_commit")
                RELAYED.labels(service).inc(moved)
                if moved >= LIMIT:
                    continue
                await asyncio.sleep(max(0.0, RHYTHM - (monotonic() - started)))
            # Who was woken during the turn or its pause does not wait; nobody else has anything to move.
            with suppress(TimeoutError):
                async with asyncio.timeout(POLL):
                    await wake.wait()
    finally:
        stop()
        await relay.close()
