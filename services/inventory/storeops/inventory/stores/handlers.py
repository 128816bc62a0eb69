"""Which facts about stores are kept."""

from storeops.common.contracts.platform import StoreChanged, StoreFacts, StoreOpened
from storeops.common.db import WriteSession
from storeops.inventory.events import events
from storeops.inventory.stores import commands


@events.on(StoreOpened, StoreChanged)
async def keep_store(session: WriteSession, event: StoreFacts) -> None:
    """A store began or changed."""
    await commands.keep_store(session, event)
