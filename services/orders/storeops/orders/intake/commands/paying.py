"""Takes money for orders. Here a paid order arms its ship clocks: in the statement that marks it paid (ORD-3)."""

from storeops.common.contracts.orders import RefundRequested
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.money import to_decimal
from storeops.common.outbox import publish
from storeops.orders.deadlines.commands import ARM_CLOCKS, STOP_EXPIRY
from storeops.orders.intake import queries
from storeops.orders.intake.commands.telling import order_paid
from storeops.orders.intake.drafting import minor, require_currency
from storeops.orders.intake.errors import OrderNotPayable, PaymentAmountWrong, ProviderRefUsed
from storeops.orders.intake.models import Payment
from storeops.orders.intake.queries import Payable
from storeops.orders.intake.rules import OrderFacts
from storeops.orders.intake.schemas import PaymentRead, PayOrder

RECORD_PAYMENT = """
WITH payment AS (
    INSERT INTO orders.payment
        (payment_id, order_id, store_id, provider, provider_ref, amount, currency, state, received_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (store_id, provider, provider_ref) DO NOTHING
    RETURNING order_id, amount
)"""

MARK_PAID = f"""{RECORD_PAYMENT}, written AS (
    UPDATE orders.sales_order AS o SET paid_at = $9, received = received + payment.amount, warn_at = $10, late_at = $11,
        breach_at = $12, in_rush = $13, expires_at = NULL, event_sequence = event_sequence + 1, version = version + 1
    FROM payment WHERE o.order_id = payment.order_id
    RETURNING o.order_id, o.warn_at, o.late_at, o.breach_at, o.expires_at, o.event_sequence
), clock AS ({ARM_CLOCKS}), expiry AS ({STOP_EXPIRY})
SELECT event_sequence FROM written
"""
"""Payment, order and clocks in one statement; no row comes back when the provider's reference is taken."""

RETURN_PAYMENT = f"""{RECORD_PAYMENT}, written AS (
    UPDATE orders.sales_order AS o SET received = received + payment.amount, refunded = refunded + payment.amount,
        event_sequence = event_sequence + 1, version = version + 1
    FROM payment WHERE o.order_id = payment.order_id
    RETURNING o.order_id, o.event_sequence
), refund AS (
    INSERT INTO orders.refund
        (refund_id, order_id, store_id, amount, currency, reason, state, requested_at, requested_by)
    SELECT $10::text, $2, $3, $6, $7, $11::text, 'intended', $9, $12::text FROM written
)
SELECT event_sequence FROM written
"""
"""A payment that the order cannot take, and the intent to give it back."""


async def pay_order(session: WriteSession, order_id: str, body: PayOrder) -> tuple[PaymentRead, bool]:
    """Take a payment; answers it, and whether it is new.

    Decided under the order's row lock, which expiry takes too: one of them wins. Money for an order that is dead or
    paid already is kept and goes back. Raises `OrderNotFound`, `OrderNotPayable`, `PaymentAmountWrong`,
    `CurrencyMismatch`, `ProviderRefUsed`.
    """
    now = await session.now()
    payable = await queries.lock_for_payment(session, order_id, now=now)
    order = payable.order
    require_currency(body.currency, order.currency, at="/body")
    amount = minor(body.amount, body.currency, at="/body/amount")
    wanted = order.alive and order.paid_at is None
    require_amount(order, body, amount=amount, wanted=wanted)
    if wanted and order.allocated_at is None:
        raise OrderNotPayable(f"{order_id} has no stock promised yet")
    payment = Payment(
        payment_id=new_id("pay"),
        order_id=order_id,
        store_id=order.store_id,
        provider=body.provider,
        provider_ref=body.provider_ref,
        amount=amount,
        currency=order.currency,
        state="accepted" if wanted else "refund_pending",
        received_at=now,
    )
    if await (accept_payment(session, payable, payment) if wanted else return_payment(session, order, payment)):
        return queries.payment_read(payment.model_dump()), True
    return await recall_payment(session, payment), False


async def accept_payment(session: WriteSession, payable: Payable, payment: Payment) -> bool:
    """Mark an order paid and start its ship clocks; false when the provider's reference is taken (ORD-3)."""
    order, lines, terms = payable
    clocks = terms.clocks(payment.received_at, order.campaign_ids)
    sequence = await session.fetchval(MARK_PAID, *payment.model_dump().values(), *clocks)
    if sequence is None:
        return False
    paid = order_paid(
        order, lines, paid_at=payment.received_at, occurred_at=payment.received_at, in_rush=clocks.in_rush
    )
    publish(session, paid, sequence=sequence)
    return True


async def return_payment(session: WriteSession, order: OrderFacts, payment: Payment) -> bool:
    """Keep money that an order cannot take, with the intent to give it back; false when its reference is taken."""
    refund_id = new_id("rfd")
    reason = "paid twice" if order.alive else "paid when the order was off"
    sequence = await session.fetchval(
        RETURN_PAYMENT, *payment.model_dump().values(), refund_id, reason, session.scope.actor
    )
    if sequence is None:
        return False
    requested = RefundRequested(
        occurred_at=payment.received_at,
        order_id=order.order_id,
        store_id=order.store_id,
        refund_id=refund_id,
        amount=payment.amount,
        currency=payment.currency,
        reason=reason,
    )
    publish(session, requested, sequence=sequence)
    return True


async def recall_payment(session: WriteSession, payment: Payment) -> PaymentRead:
    """The payment that came before under the same reference; raises `ProviderRefUsed` when it was another one."""
    before = await queries.find_payment(session, payment.store_id, payment.provider, payment.provider_ref)
    same = before is not None and (before.order_id, before.amount) == (
        payment.order_id,
        to_decimal(payment.amount, payment.currency),
    )
    if before is None or not same:
        raise ProviderRefUsed(f"{payment.provider} used the reference {payment.provider_ref} for another payment")
    return before


def require_amount(order: OrderFacts, body: PayOrder, *, amount: int, wanted: bool) -> None:
    """Raise `PaymentAmountWrong` unless a payment that is wanted is what the order costs; none may be nothing."""
    right = amount == order.payable if wanted else amount > 0
    if not right:
        expected = to_decimal(order.payable, order.currency)
        errors = [{"pointer": "/body/amount", "value": body.amount, "expected": expected}]
        raise PaymentAmountWrong(f"{order.order_id} costs {expected} {order.currency}", errors=errors)
