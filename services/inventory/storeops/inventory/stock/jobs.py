"""What follows a request that changed stock, for all whom the request itself may not see."""

from collections.abc import Sequence

from storeops.common.db import WriteSession
from storeops.common.timers import DueTimer, JobRouter
from storeops.inventory.stock.commands import backorders
from storeops.inventory.stock.rules import LevelKey

jobs = JobRouter()


@jobs.timer(backorders.LEVEL_CHANGED, batch=500)
async def settle_levels(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Levels changed: serve waiting orders, renew stores' states."""
    levels: list[LevelKey] = []
    for timer in due:
        warehouse_id, _, sku = timer.key.partition(":")
        levels.append(LevelKey(warehouse_id, sku))
    await backorders.settle_levels(session, levels)


@jobs.timer(backorders.SUPPLY_CHANGED, batch=50)
async def settle_stores(session: WriteSession, due: Sequence[DueTimer]) -> None:
    """Other warehouses serve these stores now: the same for all their SKUs."""
    await backorders.settle_stores(session, [timer.key for timer in due])
