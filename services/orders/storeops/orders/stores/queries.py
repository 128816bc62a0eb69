"""Reads of the copied stores."""

from storeops.common.db import ReadSession
from storeops.orders.stores.errors import StoreNotFound


async def require_store(session: ReadSession, store_id: str) -> str:
    """The currency of a store; raises `StoreForbidden` outside the session's scope and `StoreNotFound`."""
    session.scope.require_store(store_id)
    currency = await session.fetchval("SELECT currency FROM orders.store WHERE store_id = $1", store_id)
    if currency is None:
        raise StoreNotFound(f"there is no store {store_id}")
    return str(currency)
