"""What must hold of people and stores at any time."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Invariant


async def grants_of_the_gone(session: ReadSession) -> Sequence[Any]:
    """Grants that people who left still hold."""
    return await session.fetch(
        "SELECT g.staff_id, g.grant_id FROM platform.staff_grant AS g JOIN platform.staff AS s USING (staff_id) "
        "WHERE NOT s.active"
    )


async def homeless_grants(session: ReadSession) -> Sequence[Any]:
    """Grants over brands or stores that do not exist."""
    return await session.fetch(
        "SELECT g.grant_id, place FROM ("
        "SELECT grant_id, unnest(brand_ids || store_ids) AS place FROM platform.staff_grant UNION ALL "
        "SELECT grant_id, unnest(brand_ids || store_ids) FROM platform.api_key_grant) AS g "
        "WHERE NOT EXISTS (SELECT FROM platform.brand WHERE brand_id = place) "
        "AND NOT EXISTS (SELECT FROM platform.store WHERE store_id = place)"
    )


invariants = [
    Invariant("P1", "who has left holds no grant", grants_of_the_gone),
    Invariant("P2", "every grant is over brands and stores that exist", homeless_grants),
]
