"""Customer service: cases that are settled with the customer in time. This file is its table of contents."""

from storeops.common.service import Service
from storeops.customer_service.base import Base
from storeops.customer_service.events import events
from storeops.customer_service.invariants import invariants
from storeops.customer_service.stores import handlers as store_handlers
from storeops.customer_service.stores import models as store_models
from storeops.customer_service.tickets import endpoints as ticket_endpoints
from storeops.customer_service.tickets import handlers as ticket_handlers
from storeops.customer_service.tickets import jobs as ticket_jobs

AREAS = (store_models, store_handlers, ticket_handlers)
"""Where tables and handlers register, bottom to top: stores, (sla, pure), tickets."""

service = Service(
    name="customer_service",
    title="Customer service",
    metadata=Base.metadata,
    routers=[ticket_endpoints.router],
    events=[events],
    jobs=[ticket_jobs.jobs],
    invariants=invariants,
)
