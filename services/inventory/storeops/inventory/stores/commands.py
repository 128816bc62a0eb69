"""Keeps the copy of the stores. The platform service owns them; nothing here decides about a store."""

from storeops.common.contracts.platform import StoreFacts
from storeops.common.db import WriteSession


async def keep_store(session: WriteSession, store: StoreFacts) -> None:
    """Remember a store as it is now."""
    await session.fetch(
        "INSERT INTO inventory.store (store_id, brand_id, name) VALUES ($1, $2, $3) "
        "ON CONFLICT (store_id) DO UPDATE SET brand_id = excluded.brand_id, name = excluded.name",
        store.store_id,
        store.brand_id,
        store.name,
    )
