"""Places orders: one or hundreds by the same statements."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson

from storeops.common import timers
from storeops.common.contracts.orders import OrderPlaced
from storeops.common.contracts.promotions import Quote
from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.common.outbox import publish
from storeops.orders.customers.commands import remember_customers
from storeops.orders.customers.rules import ContactFacts, address_print, known_province, phone_print
from storeops.orders.deadlines.commands import ARM_CLOCKS
from storeops.orders.deadlines.queries import read_terms
from storeops.orders.intake import queries
from storeops.orders.intake.commands.telling import order_paid
from storeops.orders.intake.drafting import Draft, draft_order
from storeops.orders.intake.errors import ChannelOrderExists
from storeops.orders.intake.rules import LineMoney, OrderFacts, published_lines
from storeops.orders.intake.schemas import ChannelOrder, OwnSiteOrder

# Everything of new orders in one statement. A channel's order that is there already is skipped with all that hangs
# on it; `IN (…) IS TRUE` keeps that a hashed look-up, where a join would be planned for ten rows and meet thousands.
WRITE_ORDERS = f"""
WITH written AS (
    INSERT INTO orders.sales_order (
        order_id, store_id, customer_id, channel, channel_order_id, content_print, currency, gross, discount, net,
        payable, placed_at, expires_at, paid_at, received, warn_at, late_at, breach_at, in_rush, quote, campaign_ids,
        labels, event_sequence)
    SELECT order_id, store_id, customer_id, channel, channel_order_id, content_print, currency, gross, gross - net, net,
        payable, placed_at, expires_at, paid_at, received, warn_at, late_at, breach_at, in_rush, quote::jsonb,
        campaign_ids::text[], labels::text[], event_sequence
    FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], $8::bigint[],
        $9::bigint[], $10::bigint[], $11::timestamptz[], $12::timestamptz[], $13::timestamptz[], $14::bigint[],
        $15::timestamptz[], $16::timestamptz[], $17::timestamptz[], $18::boolean[], $19::text[], $20::text[],
        $21::text[], $22::bigint[])
    AS t (order_id, store_id, customer_id, channel, channel_order_id, content_print, currency, gross, net, payable,
        placed_at, expires_at, paid_at, received, warn_at, late_at, breach_at, in_rush, quote, campaign_ids, labels,
        event_sequence)
    ORDER BY store_id, channel_order_id
    ON CONFLICT (store_id, channel_order_id) DO NOTHING
    RETURNING order_id, warn_at, late_at, breach_at, expires_at
), line AS (
    INSERT INTO orders.order_line (order_id, line_no, store_id, sku, quantity, gross, discounts, discount, net)
    SELECT order_id, line_no, store_id, sku, quantity, gross, discounts::jsonb, gross - net, net
    FROM unnest($23::text[], $24::int[], $25::text[], $26::text[], $27::int[], $28::bigint[], $29::text[],
        $30::bigint[])
    AS t (order_id, line_no, store_id, sku, quantity, gross, discounts, net)
    WHERE (order_id IN (SELECT order_id FROM written)) IS TRUE
), contact AS (
    INSERT INTO orders.contact (order_id, store_id, account, name, phone, province, city, district, street, postcode,
        remark, phone_print, address_print)
    SELECT * FROM unnest($1::text[], $2::text[], $31::text[], $32::text[], $33::text[], $34::text[], $35::text[],
        $36::text[], $37::text[], $38::text[], $39::text[], $40::text[], $41::text[])
    AS t (order_id, store_id, account, name, phone, province, city, district, street, postcode, remark, phone_print,
        address_print)
    WHERE (order_id IN (SELECT order_id FROM written)) IS TRUE
), clock AS ({ARM_CLOCKS})
SELECT order_id FROM written
"""


class Placed(NamedTuple):
    """An order that is there now, and its lines if this request wrote them: a channel may have sent it before."""

    order: OrderFacts
    lines: Sequence[LineMoney] | None

    @property
    def fresh(self) -> bool:
        """Whether this request wrote it."""
        return self.lines is not None


Outcome = Placed | DomainError


async def place_orders(
    session: WriteSession,
    bodies: Sequence[OwnSiteOrder | ChannelOrder],
    quotes: Mapping[int, Quote | DomainError],
    *,
    contact_key: str,
    at: str = "/body/items/{}",
) -> list[Outcome]:
    """Place orders, each by itself: the answer has an order or a refusal for each, in their order (ORD-1, ORD-12).

    `quotes` has promotions' answer for every own-site order by its place; `at` says where a body lies in the request.
    Channel orders enter paid and arm their ship clocks here (ORD-3); own-site orders arm their expiry (ORD-2).
    """
    now = await session.now()
    paid = [body.paid_at for body in bodies if isinstance(body, ChannelOrder)]
    stores = {body.store_id for body in bodies if session.scope.allows(body.store_id)}
    terms = await read_terms(session, stores, first=min(paid, default=now), last=max(paid, default=now))
    outcomes: list[Draft | Outcome] = []
    for index, body in enumerate(bodies):
        try:
            session.scope.require_store(body.store_id)
            outcomes.append(
                draft_order(
                    body,
                    quotes.get(index),
                    terms.get(body.store_id),
                    at=at.format(index),
                    now=now,
                    contact_key=contact_key,
                )
            )
        except DomainError as error:
            outcomes.append(error)
    drafts = [outcome for outcome in outcomes if isinstance(outcome, Draft)]
    placed = await write_drafts(session, drafts, now=now, contact_key=contact_key) if drafts else {}
    return [placed[outcome.order_id] if isinstance(outcome, Draft) else outcome for outcome in outcomes]


async def write_drafts(
    session: WriteSession, drafts: Sequence[Draft], *, now: datetime, contact_key: str
) -> dict[str, Outcome]:
    """Write orders with all that belongs to them and publish them; answers each draft's outcome by its order id."""
    customers = await remember_customers(session, ((draft.store_id, draft.identity) for draft in drafts), now=now)
    orders = [(facts_of_draft(draft, customers[draft.identity]), draft) for draft in drafts]
    rows = await session.fetch(
        WRITE_ORDERS,
        *order_columns(orders),
        *line_columns(drafts),
        *contact_columns([draft.contact for draft in drafts], contact_key),
    )
    written = {row["order_id"] for row in rows}
    fresh = [(order, draft) for order, draft in orders if order.order_id in written]
    for order, draft in fresh:
        publish_placed(session, order, draft, now=now)
    timers.announce_due(session, [due for order, _ in fresh if (due := order.warn_at or order.expires_at)], now=now)
    outcomes: dict[str, Outcome] = {order.order_id: Placed(order, draft.lines) for order, draft in fresh}
    repeated = [draft for draft in drafts if draft.order_id not in written]
    return outcomes | (await recall(session, repeated) if repeated else {})


async def recall(session: WriteSession, drafts: Sequence[Draft]) -> dict[str, Outcome]:
    """What there is for channel orders that came before: the same order, or a refusal when the content differs."""
    found = await queries.find_channel_orders(
        session, [draft.store_id for draft in drafts], [draft.channel_order_id or "" for draft in drafts]
    )
    outcomes: dict[str, Outcome] = {}
    for draft in drafts:
        order, content = found[draft.store_id, draft.channel_order_id or ""]
        outcomes[draft.order_id] = (
            Placed(order, None)
            if content == draft.content_print
            else ChannelOrderExists(
                f"the channel's order {draft.channel_order_id} is here as {order.order_id}, with another content",
                order_id=order.order_id,
            )
        )
    return outcomes


def facts_of_draft(draft: Draft, customer_id: str) -> OrderFacts:
    """The facts of an order that was written this moment."""
    clocks = draft.clocks
    return OrderFacts(
        order_id=draft.order_id,
        store_id=draft.store_id,
        customer_id=customer_id,
        channel=draft.channel,
        channel_order_id=draft.channel_order_id,
        currency=draft.currency,
        gross=draft.gross,
        discount=draft.gross - draft.net,
        net=draft.net,
        payable=draft.payable,
        placed_at=draft.placed_at,
        expires_at=draft.expires_at,
        allocated_at=None,
        warehouse_id=None,
        paid_at=draft.paid_at,
        received=draft.received,
        refunded=0,
        warn_at=clocks.warn_at if clocks else None,
        late_at=clocks.late_at if clocks else None,
        breach_at=clocks.breach_at if clocks else None,
        in_rush=clocks is not None and clocks.in_rush,
        audited_at=None,
        audited_by=None,
        open_holds=0,
        released_at=None,
        packed_at=None,
        shipped_at=None,
        wait_agreed_at=None,
        cancelled_at=None,
        cancel_reason=None,
        expired_at=None,
        campaign_ids=draft.campaign_ids,
        labels=draft.labels,
        version=1,
    )


def publish_placed(session: WriteSession, order: OrderFacts, draft: Draft, *, now: datetime) -> None:
    """Tell that an order came in, and for a channel's order that it is paid."""
    lines = published_lines(draft.lines)
    placed = OrderPlaced(
        occurred_at=now,
        order_id=order.order_id,
        store_id=order.store_id,
        customer_id=order.customer_id,
        channel=order.channel,
        channel_order_id=order.channel_order_id,
        placed_at=order.placed_at,
        currency=order.currency,
        lines=lines,
        gross=order.gross,
        discount=order.discount,
        net=order.net,
        payable=order.payable,
        province=known_province(draft.contact.province),
        campaign_ids=tuple(order.campaign_ids),
        labels=tuple(order.labels),
        paid=order.paid_at is not None,
    )
    publish(session, placed, sequence=1)
    if order.paid_at is not None:
        publish(session, order_paid(order, lines, paid_at=order.paid_at, occurred_at=now), sequence=2)


def order_columns(orders: Sequence[tuple[OrderFacts, Draft]]) -> list[Sequence[object]]:
    """The first 22 arguments of `WRITE_ORDERS`."""
    rows = [
        (
            order.order_id,
            order.store_id,
            order.customer_id,
            order.channel,
            order.channel_order_id,
            draft.content_print,
            order.currency,
            order.gross,
            order.net,
            order.payable,
            order.placed_at,
            order.expires_at,
            order.paid_at,
            order.received,
            order.warn_at,
            order.late_at,
            order.breach_at,
            order.in_rush,
            draft.quote,
            array_text(order.campaign_ids),
            array_text(order.labels),
            1 if order.paid_at is None else 2,
        )
        for order, draft in orders
    ]
    return list(zip(*rows, strict=True))


def line_columns(drafts: Sequence[Draft]) -> list[Sequence[object]]:
    """The eight arguments of `WRITE_ORDERS` about lines."""
    rows = [
        (
            draft.order_id,
            number,
            draft.store_id,
            line.sku,
            line.quantity,
            line.gross,
            orjson.dumps(line.discounts).decode(),
            line.net,
        )
        for draft in drafts
        for number, line in enumerate(draft.lines, 1)
    ]
    return list(zip(*rows, strict=True))


def contact_columns(contacts: Sequence[ContactFacts], contact_key: str) -> list[Sequence[object]]:
    """The last eleven arguments of `WRITE_ORDERS`: the contacts and their prints."""
    rows = [(*contact, phone_print(contact_key, contact), address_print(contact_key, contact)) for contact in contacts]
    return list(zip(*rows, strict=True))


def array_text(names: Sequence[str]) -> str:
    """Names as PostgreSQL reads an array of them; their pattern holds nothing that it would need quoted."""
    return "{" + ",".join(names) + "}"
