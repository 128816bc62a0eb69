"""Remembers customers. Contacts are written with their orders, by intake."""

from collections.abc import Iterable
from datetime import datetime

from storeops.common.db import WriteSession
from storeops.common.ids import new_id

# The tests `IN (…) IS NOT TRUE` stay hashed look-ups where NOT EXISTS would become a join that is planned for ten rows.
# A customer whom another transaction adds meanwhile is met by ON CONFLICT, which answers their id too.
REMEMBER = """
WITH wanted AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) AS t(customer_id, store_id, identity)
), known AS (
    SELECT held.identity, held.customer_id FROM wanted JOIN orders.customer AS held USING (store_id, identity)
), added AS (
    INSERT INTO orders.customer (customer_id, store_id, identity, first_seen_at)
    SELECT customer_id, store_id, identity, $4::timestamptz FROM wanted
    WHERE (identity IN (SELECT identity FROM known)) IS NOT TRUE
    ORDER BY store_id, identity
    ON CONFLICT (store_id, identity) DO UPDATE SET identity = excluded.identity
    RETURNING identity, customer_id
)
SELECT identity, customer_id FROM known UNION ALL SELECT identity, customer_id FROM added
"""


async def remember_customers(
    session: WriteSession, buyers: Iterable[tuple[str, str]], *, now: datetime
) -> dict[str, str]:
    """The customer id of each (store id, identity), by identity; who is new is added."""
    distinct = sorted(set(buyers))
    rows = await session.fetch(
        REMEMBER,
        [new_id("cus") for _ in distinct],
        [store_id for store_id, _ in distinct],
        [identity for _, identity in distinct],
        now,
    )
    return {row["identity"]: row["customer_id"] for row in rows}
