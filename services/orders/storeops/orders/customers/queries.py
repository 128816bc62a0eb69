"""Reads of contacts."""

from collections.abc import Sequence

from storeops.common.db import ReadSession
from storeops.orders.customers.rules import ContactFacts

CONTACT = ", ".join(ContactFacts._fields)


async def contacts_of(session: ReadSession, order_ids: Sequence[str]) -> dict[str, ContactFacts]:
    """The contacts of orders, by order id."""
    rows = await session.fetch(
        f"SELECT order_id, {CONTACT} FROM orders.contact WHERE order_id = ANY($1::text[])", order_ids
    )
    return {row["order_id"]: ContactFacts(*tuple(row)[1:]) for row in rows}
