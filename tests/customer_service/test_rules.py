"""What facts do to tickets, and how tickets may end: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest
from storeops.customer_service.sla import rules as sla
from storeops.customer_service.tickets.rules import (
    Effect,
    Fact,
    FactKind,
    Outcome,
    TicketKind,
    TicketState,
    effect_of,
    offered_outcomes,
)

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
ORDER = "ord_" + "0" * 32


def fact(kind: FactKind, *, in_rush: bool = False) -> Fact:
    return Fact(kind, kind, "packing", "system", NOON, in_rush=in_rush)


def test_a_case_has_24_hours_by_the_clock_and_goes_up_half_way() -> None:
    due = sla.settle_by(NOON)
    assert (due, sla.escalates_at(due)) == (NOON + timedelta(hours=24), NOON + timedelta(hours=12))


@pytest.mark.parametrize("kind", [FactKind.HELD, FactKind.SHIP_DUE_SOON, FactKind.SHIP_LATE, FactKind.SHIP_BREACHED])
def test_whatever_keeps_an_order_from_shipping_opens_a_ticket(kind: FactKind) -> None:
    assert effect_of(fact(kind), None) is Effect.OPEN


@pytest.mark.parametrize("kind", [FactKind.HOLD_RELEASED, FactKind.SHIPPED, FactKind.CANCELLED, FactKind.EXPIRED])
def test_the_end_of_an_order_that_has_no_ticket_opens_none(kind: FactKind) -> None:
    assert effect_of(fact(kind), None) is Effect.NONE


def test_late_in_a_rush_opens_no_ticket_but_its_warning_and_breach_do() -> None:
    assert effect_of(fact(FactKind.SHIP_LATE, in_rush=True), None) is Effect.NONE
    assert effect_of(fact(FactKind.SHIP_DUE_SOON, in_rush=True), None) is Effect.OPEN
    assert effect_of(fact(FactKind.SHIP_BREACHED, in_rush=True), None) is Effect.OPEN


@pytest.mark.parametrize("state", [TicketState.OPEN, TicketState.TAKEN])
def test_an_order_that_left_or_is_off_resolves_its_ticket(state: TicketState) -> None:
    for kind in (FactKind.SHIPPED, FactKind.CANCELLED, FactKind.EXPIRED):
        assert effect_of(fact(kind), state) is Effect.RESOLVE
    assert effect_of(fact(FactKind.HOLD_RELEASED), state) is Effect.NONE


def test_only_the_breach_opens_a_settled_ticket_again() -> None:
    effects = {kind: effect_of(fact(kind), TicketState.SETTLED) for kind in FactKind}
    assert {kind for kind, effect in effects.items() if effect is not Effect.NONE} == {FactKind.SHIP_BREACHED}
    assert effects[FactKind.SHIP_BREACHED] is Effect.REOPEN


def test_a_deadline_that_is_told_after_the_order_left_opens_nothing() -> None:
    for state in (None, TicketState.SETTLED):
        assert effect_of(fact(FactKind.SHIP_BREACHED)._replace(over=True), state) is Effect.NONE


def test_a_delay_is_settled_with_the_customer() -> None:
    assert Outcome.RESOLVED not in offered_outcomes(TicketKind.SHIPPING_DELAY, ORDER)
    assert offered_outcomes(TicketKind.INVOICE, ORDER) == frozenset(Outcome)


def test_without_an_order_there_is_nothing_to_cancel_or_refund() -> None:
    assert offered_outcomes(TicketKind.COMPLAINT, None) == {Outcome.WAIT, Outcome.RESOLVED}
