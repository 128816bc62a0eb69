"""What this area does when the platform tells of a store."""

from storeops.common.contracts.platform import StoreChanged, StoreFacts, StoreOpened
from storeops.common.db import WriteSession
from storeops.customer_service.events import events
from storeops.customer_service.stores import commands


@events.on(StoreOpened, StoreChanged)
async def keep_store(session: WriteSession, event: StoreFacts) -> None:
    """Keep the store's facts."""
    await commands.keep_store(session, event)
