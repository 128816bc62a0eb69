"""Reporting: every event kept, and the figures that follow from them. This file is its table of contents."""

from storeops.common.service import Service
from storeops.reporting.archive import models as archive_models
from storeops.reporting.base import Base
from storeops.reporting.events import events
from storeops.reporting.facts import handlers as fact_handlers
from storeops.reporting.figures import endpoints as figure_endpoints
from storeops.reporting.invariants import invariants
from storeops.reporting.traffic import endpoints as traffic_endpoints
from storeops.reporting.traffic import models as traffic_models

AREAS = (archive_models, fact_handlers, figure_endpoints, traffic_models)
"""Where tables and handlers register, bottom to top: archive, facts, figures, traffic."""

service = Service(
    name="reporting",
    title="Reporting",
    metadata=Base.metadata,
    routers=[figure_endpoints.router, traffic_endpoints.router],
    events=[events],
    invariants=invariants,
)
