"""Locks the orders of many events or deadlines at once, so that transactions never wait for each other in a circle."""

from collections.abc import Iterable

from storeops.common.db import WriteSession
from storeops.orders.intake import queries


async def lock_all(session: WriteSession, order_ids: Iterable[str]) -> None:
    """Hold these orders until the transaction ends."""
    await queries.lock_rows(session, order_ids)
