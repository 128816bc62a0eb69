"""Bodies and answers about prices."""

from datetime import datetime
from typing import Self

from pydantic import BaseModel

from storeops.common.http.bodies import CURRENCY, MONEY, Body
from storeops.common.money import to_decimal
from storeops.promotions.prices.models import PriceHistory


class ChangePrice(Body):
    """A listing's new price. `currency` is the store's; naming it guards against a mistake."""

    price: MONEY
    currency: CURRENCY | None = None


class PriceChangeRead(BaseModel):
    """One change of a price: from what to what, by whom and when. `version` is the listing's after it."""

    version: int
    previous_price: str
    previous_currency: str
    price: str
    currency: str
    changed_by: str
    changed_at: datetime

    @classmethod
    def of(cls, change: PriceHistory) -> Self:
        """The answer for a row."""
        return cls(
            version=change.version,
            previous_price=to_decimal(change.previous_minor, change.previous_currency),
            previous_currency=change.previous_currency,
            price=to_decimal(change.price_minor, change.currency),
            currency=change.currency,
            changed_by=change.changed_by,
            changed_at=change.changed_at,
        )
