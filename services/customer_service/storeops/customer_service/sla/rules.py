"""How soon a case must be settled and whose it is as time runs out (CSV-2). Pure: no I/O, no clock but its argument.

Settling is measured by the clock, nights and weekends included.
"""

from datetime import datetime, timedelta
from enum import StrEnum

SETTLE_WITHIN = timedelta(hours=24)
ESCALATE_BEFORE = timedelta(hours=12)


class Level(StrEnum):
    """Whose case it is: it goes up by itself, never down."""

    AGENT = "agent"
    LEAD = "lead"
    MANAGER = "manager"


def settle_by(opened_at: datetime) -> datetime:
    """When a case that was opened at this instant must be settled."""
    return opened_at + SETTLE_WITHIN


def escalates_at(settle_by: datetime) -> datetime:
    """When a case that nobody has taken goes up to the after-sales lead: half-way to its breach."""
    return settle_by - ESCALATE_BEFORE
