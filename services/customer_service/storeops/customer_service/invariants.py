"""What must hold of this service's data at any time."""

from collections.abc import Sequence
from typing import Any

from storeops.common.db import ReadSession
from storeops.common.doctor import Invariant


async def causes_with_two_open_tickets(session: ReadSession) -> Sequence[Any]:
    """Causes that have more than one unsettled ticket."""
    return await session.fetch(
        "SELECT store_id, cause_key, count(*) FROM customer_service.ticket WHERE state <> 'settled' "
        "GROUP BY store_id, cause_key HAVING count(*) > 1"
    )


async def settled_without_outcome(session: ReadSession) -> Sequence[Any]:
    """Settled tickets that do not say how, when or by whom."""
    return await session.fetch(
        "SELECT ticket_id FROM customer_service.ticket WHERE state = 'settled' "
        "AND (outcome IS NULL OR settled_at IS NULL OR settled_by IS NULL)"
    )


async def without_history(session: ReadSession) -> Sequence[Any]:
    """Tickets that do not say what happened."""
    return await session.fetch(
        "SELECT ticket_id FROM customer_service.ticket AS t WHERE NOT EXISTS "
        "(SELECT FROM customer_service.ticket_fact AS f WHERE f.ticket_id = t.ticket_id)"
    )


async def unwatched(session: ReadSession) -> Sequence[Any]:
    """Unsettled tickets whose settle-by deadline is not armed for it and has not fired.

    Upkeep forgets a deadline that has fired after 30 days.
    """
    return await session.fetch(
        "SELECT t.ticket_id, t.settle_by, m.state, m.armed_for FROM customer_service.ticket AS t "
        "LEFT JOIN customer_service.timer AS m ON m.kind = 'ticket_settle_by' AND m.key = t.ticket_id "
        "WHERE t.state <> 'settled' "
        "AND (m.state = 'cancelled' OR m.armed_for <> t.settle_by "
        "OR (m.key IS NULL AND t.settle_by >= $1::timestamptz - interval '30 days'))",
        await session.now(),
    )


invariants = [
    Invariant("CSV-8", "a cause has at most one open ticket", causes_with_two_open_tickets),
    Invariant("CSV-1", "a settled ticket says how, when and by whom", settled_without_outcome),
    Invariant("ORD-4", "a ticket's history is never empty", without_history),
    Invariant("CSV-2", "an open ticket's settle-by deadline is armed or has fired", unwatched),
]
