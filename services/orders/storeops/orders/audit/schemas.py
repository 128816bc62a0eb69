"""Bodies and answers of holds and review."""

from datetime import datetime
from typing import Annotated

from fastapi import Path
from pydantic import BaseModel

from storeops.common.http.bodies import MONEY, REASON, Body

HoldId = Annotated[str, Path(pattern=r"^hld_[0-9a-f]{32}$")]


class HoldOrder(Body):
    """Why a person holds an order back."""

    reason: REASON


class HoldRead(BaseModel):
    """A hold, and whether it is in force."""

    hold_id: str
    order_id: str
    kind: str
    reason: str
    placed_at: datetime
    placed_by: str
    released_at: datetime | None
    released_by: str | None


class FindingRead(BaseModel):
    """What the review noticed."""

    code: str
    blocks: bool
    message: str
    found_at: datetime


class SetAuditPolicy(Body):
    """Orders that cost more than `review_above` wait for a person; null means no limit."""

    review_above: MONEY | None


class AuditPolicyRead(BaseModel):
    """What a store has reviewed by a person; version 0 is the default that nobody has set."""

    store_id: str
    review_above: str | None
    currency: str
    version: int
