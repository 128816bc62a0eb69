"""What the orders service tells becomes the history of tickets."""

from collections.abc import Sequence

from storeops.common.contracts.orders import OrderEvent
from storeops.common.db import WriteSession
from storeops.customer_service.tickets import queries, rules
from storeops.customer_service.tickets.commands.writing import (
    insert_facts,
    insert_tickets,
    mark_reopened,
    mark_settled,
    new_ticket,
    unwatch,
    update_tickets,
    watch,
)
from storeops.customer_service.tickets.models import Ticket
from storeops.customer_service.tickets.queries import Cause
from storeops.customer_service.tickets.rules import Effect, Fact, Outcome, Standing, TicketKind, TicketState


async def record_order_facts(session: WriteSession, events: Sequence[OrderEvent]) -> None:
    """Tell the tickets of these orders what happened: open, reopen or resolve them as the rules say (CSV-8, ORD-4).

    Events of one order come in their order; a fact that stands in the history already has no effect.
    """
    told = [(delay_of(event), event, rules.fact_of(event)) for event in events]
    tickets = await queries.lock_latest(session, sorted({cause for cause, _, _ in told}))
    opening: dict[Cause, Ticket] = {}
    for cause, event, fact in told:
        if cause not in tickets and cause not in opening and rules.effect_of(fact, None) is Effect.OPEN:
            opening[cause] = new_ticket(TicketKind.SHIPPING_DELAY, event.store_id, event.order_id, fact)
    if opening:
        await insert_tickets(session, opening.values())
        tickets |= await queries.lock_latest(session, sorted(opening))
    fresh = await insert_facts(session, [(tickets[cause], fact) for cause, _, fact in told if cause in tickets])
    reopened = {ticket.ticket_id: ticket for ticket, fact in fresh if tell(session, ticket, fact) is Effect.REOPEN}
    touched = [ticket for ticket, _ in fresh]
    await update_tickets(session, touched)
    await watch(session, reopened.values())
    await unwatch(session, [ticket for ticket in touched if ticket.state == TicketState.SETTLED])


async def lock_told(session: WriteSession, events: Sequence[OrderEvent]) -> None:
    """Hold the tickets of these orders until the transaction ends."""
    await queries.lock_latest(session, sorted({delay_of(event) for event in events}))


def delay_of(event: OrderEvent) -> Cause:
    """The one cause that all facts about an order's shipping share."""
    return event.store_id, rules.cause_key(TicketKind.SHIPPING_DELAY, event.order_id)


def tell(session: WriteSession, ticket: Ticket, fact: Fact) -> Effect:
    """Change a locked ticket as a fact of its order demands; answers what the fact did."""
    latest = Standing(TicketState(ticket.state), Outcome(ticket.outcome) if ticket.outcome else None, ticket.blocker)
    effect = rules.effect_of(fact, latest)
    ticket.reason = rules.reason_of(fact, effect, latest) or ticket.reason
    ticket.deadline = fact.deadline or ticket.deadline
    # What a settled ticket's customer agreed to stays what later delays are held against.
    if latest.state is not TicketState.SETTLED or effect is Effect.REOPEN:
        ticket.blocker = fact.blocker or ticket.blocker
    if effect is Effect.REOPEN:
        mark_reopened(session, ticket, fact.at)
    elif effect is Effect.RESOLVE:
        mark_settled(session, ticket, outcome=Outcome.RESOLVED, by=rules.SYSTEM, at=fact.at)
    return effect
