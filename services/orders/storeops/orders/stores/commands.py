"""Keeps the copy of stores. Knows no order."""

from storeops.common.contracts.platform import StoreFacts
from storeops.common.db import WriteSession


async def keep_store(session: WriteSession, facts: StoreFacts) -> None:
    """Remember a store as the platform describes it now."""
    await session.fetch(
        "INSERT INTO orders.store (store_id, brand_id, name, channel, time_zone, currency) "
        "VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (store_id) DO UPDATE SET brand_id = excluded.brand_id, "
        "name = excluded.name, channel = excluded.channel, time_zone = excluded.time_zone, "
        "currency = excluded.currency",
        facts.store_id,
        facts.brand_id,
        facts.name,
        facts.channel,
        facts.time_zone,
        facts.currency,
    )
