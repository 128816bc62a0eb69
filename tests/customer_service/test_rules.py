"""What facts do to tickets, and how tickets may end: the rules alone."""

from datetime import UTC, datetime, timedelta

import pytest
from storeops.customer_service.sla import rules as sla
from storeops.customer_service.tickets.rules import (
    Effect,
    Fact,
    FactKind,
    Outcome,
    Standing,
    TicketKind,
    TicketState,
    effect_of,
    offered_outcomes,
)

NOON = datetime(2026, 3, 7, 12, tzinfo=UTC)
ORDER = "ord_" + "0" * 32


WAITS = Standing(TicketState.SETTLED, Outcome.WAIT, "packing")


def fact(kind: FactKind, *, in_rush: bool = False, excused: bool = False, blocker: str = "packing") -> Fact:
    return Fact(kind, kind, blocker, "system", NOON, blocker=blocker, in_rush=in_rush, excused=excused)


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
        assert effect_of(fact(kind), Standing(state)) is Effect.RESOLVE
    assert effect_of(fact(FactKind.HOLD_RELEASED), Standing(state)) is Effect.NONE


def test_only_a_hold_and_the_breach_open_a_ticket_again_whose_customer_waits_for_the_same() -> None:
    effects = {kind: effect_of(fact(kind, excused=True), WAITS) for kind in FactKind}
    told = {kind: effect for kind, effect in effects.items() if effect is not Effect.NONE}
    assert told == {FactKind.HELD: Effect.REOPEN, FactKind.SHIP_BREACHED: Effect.REOPEN}


@pytest.mark.parametrize("kind", [FactKind.SHIP_DUE_SOON, FactKind.SHIP_LATE])
def test_a_delay_that_the_customer_was_not_asked_about_opens_a_settled_ticket_again(kind: FactKind) -> None:
    assert effect_of(fact(kind, excused=False), WAITS) is Effect.REOPEN
    assert effect_of(fact(kind, excused=True, blocker="shortage"), WAITS) is Effect.REOPEN


def test_late_in_a_rush_opens_no_settled_ticket_again() -> None:
    assert effect_of(fact(FactKind.SHIP_LATE, in_rush=True), WAITS) is Effect.NONE


@pytest.mark.parametrize(
    ("outcome", "effect"),
    [
        (Outcome.WAIT, Effect.NONE),
        (Outcome.RESOLVED, Effect.NONE),
        (Outcome.CANCEL, Effect.REOPEN),
        (Outcome.REFUND, Effect.REOPEN),
    ],
)
def test_a_parcel_that_left_though_the_order_was_settled_to_be_off_is_told_to_the_customer(
    outcome: Outcome, effect: Effect
) -> None:
    assert effect_of(fact(FactKind.SHIPPED), Standing(TicketState.SETTLED, outcome)) is effect


def test_a_deadline_that_is_told_after_the_order_left_opens_nothing() -> None:
    for latest in (None, WAITS):
        assert effect_of(fact(FactKind.SHIP_BREACHED)._replace(over=True), latest) is Effect.NONE


def test_a_delay_is_settled_with_the_customer() -> None:
    assert Outcome.RESOLVED not in offered_outcomes(TicketKind.SHIPPING_DELAY, ORDER)
    assert offered_outcomes(TicketKind.INVOICE, ORDER) == frozenset(Outcome)


def test_without_an_order_there_is_nothing_to_cancel_or_refund() -> None:
    assert offered_outcomes(TicketKind.COMPLAINT, None) == {Outcome.WAIT, Outcome.RESOLVED}
