"""What this service does with every event of the bus."""

from collections.abc import Sequence

from storeops.common.bus.base import Message
from storeops.common.db import WriteSession
from storeops.reporting.events import events
from storeops.reporting.facts import commands
from storeops.reporting.facts.rules import FOLDED_TYPES


@events.on_everything(reads=FOLDED_TYPES)
async def record_events(session: WriteSession, messages: Sequence[Message]) -> None:
    """Keep and fold what came in."""
    await commands.record_events(session, messages)
