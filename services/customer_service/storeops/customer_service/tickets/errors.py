"""How work on tickets fails."""

from storeops.common.errors import Conflict, Invalid, NotFound


class TicketNotFound(NotFound):
    """No such ticket, or none that this caller may see."""


class TicketAlreadyOpen(Conflict):
    """The cause has an open ticket; `ticket_id` names it (CSV-8)."""


class TicketTaken(Conflict):
    """Somebody else works on the ticket; `assignee` names them."""


class TicketSettled(Conflict):
    """The ticket is settled; `outcome` says how."""


class OutcomeNotOffered(Invalid):
    """A ticket of this kind cannot be settled in this way."""
