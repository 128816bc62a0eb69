"""What the review of an order looks at (审单). Pure: facts in, findings out."""

from collections.abc import Callable
from enum import StrEnum
from typing import NamedTuple

from storeops.orders.customers.rules import ContactFacts
from storeops.orders.intake.rules import OrderFacts


class HoldKind(StrEnum):
    """Why an order is held; in the order in which a delay is blamed on them."""

    SHORTAGE = "shortage"
    AUDIT = "audit"
    MANUAL = "manual"


class FindingFacts(NamedTuple):
    """What was noticed: a stable code, whether it keeps the order from the warehouse, and a sentence."""

    code: str
    blocks: bool
    message: str


class Review(NamedTuple):
    """An order before its reviewer; `review_above` is the store's limit in minor units, None for none."""

    order: OrderFacts
    contact: ContactFacts
    review_above: int | None


NEEDED = ("name", "phone", "province", "city", "street")
"""Without these a courier does not deliver."""


def address_complete(review: Review) -> FindingFacts | None:
    """A parcel needs somewhere to go."""
    missing = [field for field in NEEDED if not getattr(review.contact, field)]
    if not missing:
        return None
    return FindingFacts("address_incomplete", blocks=True, message=f"the contact lacks {', '.join(missing)}")


def remark_read(review: Review) -> FindingFacts | None:
    """A buyer's remark is for the packer to read; it stops nothing."""
    if review.contact.remark is None:
        return None
    return FindingFacts("buyer_remark", blocks=False, message="the buyer left a remark")


def amount_within_limit(review: Review) -> FindingFacts | None:
    """An unusually dear order is looked at by a person where the store wants it."""
    if review.review_above is None or review.order.payable <= review.review_above:
        return None
    return FindingFacts("amount_over_limit", blocks=True, message="the order costs more than passes without review")


CHAIN: tuple[Callable[[Review], FindingFacts | None], ...] = (address_complete, remark_read, amount_within_limit)
"""Everything that is looked at."""


def review_order(review: Review) -> list[FindingFacts]:
    """Everything noticed about an order; it passes when nothing of it blocks."""
    return [finding for look in CHAIN if (finding := look(review)) is not None]


def may_be_held(order: OrderFacts) -> bool:
    """Whether a hold can keep the order back: paid, alive and not packed."""
    return order.alive and order.paid_at is not None and order.packed_at is None


def awaits_review(order: OrderFacts) -> bool:
    """Whether a paid, living order has not been reviewed."""
    return order.alive and order.paid_at is not None and order.audited_at is None
