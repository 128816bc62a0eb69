"""Bodies and answers of cancelling and refunds."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel

from storeops.common.http.bodies import Body


class CancelOrder(Body):
    """Who wants the order off."""

    reason: Literal["customer", "staff"]


class RefundRead(BaseModel):
    """Money that must go back."""

    refund_id: str
    order_id: str
    store_id: str
    amount: str
    currency: str
    reason: str
    state: str
    requested_at: datetime
    requested_by: str
