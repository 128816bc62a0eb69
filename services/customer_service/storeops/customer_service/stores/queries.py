"""Reads of the local store copy."""

from storeops.common.db import ReadSession
from storeops.customer_service.stores.errors import StoreNotFound


async def require_known_store(session: ReadSession, store_id: str) -> None:
    """Raise `StoreNotFound` (404) unless the store was opened."""
    if await session.fetchval("SELECT 1 FROM customer_service.store WHERE store_id = $1", store_id) is None:
        message = f"no store {store_id}"
        raise StoreNotFound(message)
