"""Facts of the platform about stores."""

from storeops.common.contracts.platform import StoreChanged, StoreFacts, StoreOpened
from storeops.common.db import WriteSession
from storeops.orders.events import events
from storeops.orders.stores import commands


@events.on(StoreOpened, StoreChanged)
async def keep_store(session: WriteSession, event: StoreFacts) -> None:
    """Keep the copy as new as the event."""
    await commands.keep_store(session, event)
