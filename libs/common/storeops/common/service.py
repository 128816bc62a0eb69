"""What a service is: one value that names everything of it, found by the entry-point group `storeops.services`."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import NamedTuple

from sqlalchemy import MetaData

from storeops.common.doctor import Invariant
from storeops.common.events import EventRouter
from storeops.common.http.routing import ServiceRouter
from storeops.common.timers import JobRouter

GROUP = "storeops.services"


class Service(NamedTuple):
    """A service's table of contents."""

    name: str
    """Also its schema, its roles' suffix and its outbox's relay."""
    title: str
    metadata: MetaData
    routers: Sequence[ServiceRouter]
    events: Sequence[EventRouter]
    jobs: Sequence[JobRouter] = ()
    invariants: Sequence[Invariant] = ()

    @property
    def migrations(self) -> str:
        """Where Alembic finds this service's history."""
        return f"storeops.{self.name}:migrations"


ORDER = ("platform", "inventory", "promotions", "orders", "customer_service", "reporting")
"""The order in which services are shown and migrated; one that is not named here comes last."""


def installed_services() -> dict[str, Service]:
    """Every installed service by name."""
    found: dict[str, Service] = {point.name: point.load() for point in entry_points(group=GROUP)}
    return dict(sorted(found.items(), key=lambda item: ORDER.index(item[0]) if item[0] in ORDER else len(ORDER)))
