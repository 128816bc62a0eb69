"""News of stock (LST-3)."""

from collections.abc import Sequence

from storeops.common.contracts.inventory import StockOut, StockRestored
from storeops.common.db import WriteSession
from storeops.promotions.events import events
from storeops.promotions.listings import commands


@events.on(StockOut, batch=256)
async def take_off_sold_out(session: WriteSession, facts: Sequence[StockOut]) -> None:
    """What is sold out leaves the shelf."""
    await commands.take_off_sold_out(session, facts)


@events.on(StockRestored, batch=256)
async def put_back_restocked(session: WriteSession, facts: Sequence[StockRestored]) -> None:
    """What the system took off returns."""
    await commands.put_back_restocked(session, facts)
