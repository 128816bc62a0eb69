"""Orders: from every channel to the courier within 24 hours. This file is its table of contents."""

from storeops.common.service import Service
from storeops.orders.aftersales import endpoints as aftersales_endpoints
from storeops.orders.aftersales import handlers as aftersales_handlers
from storeops.orders.audit import endpoints as audit_endpoints
from storeops.orders.audit import handlers as audit_handlers
from storeops.orders.audit import models as audit_models
from storeops.orders.base import Base
from storeops.orders.customers import models as customers_models
from storeops.orders.deadlines import endpoints as deadlines_endpoints
from storeops.orders.events import events
from storeops.orders.fulfillment import endpoints as fulfillment_endpoints
from storeops.orders.fulfillment import handlers as fulfillment_handlers
from storeops.orders.fulfillment import jobs as fulfillment_jobs
from storeops.orders.fulfillment import models as fulfillment_models
from storeops.orders.intake import endpoints as intake_endpoints
from storeops.orders.intake import handlers as intake_handlers
from storeops.orders.intake import jobs as intake_jobs
from storeops.orders.invariants import invariants
from storeops.orders.overview import endpoints as overview_endpoints
from storeops.orders.stores import handlers as stores_handlers
from storeops.orders.stores import models as stores_models

HANDLERS = (stores_handlers, intake_handlers, audit_handlers, fulfillment_handlers, aftersales_handlers)
"""Where handlers register with `events`. Areas bottom to top: stores, customers, deadlines, intake, audit,
fulfillment, aftersales, overview."""
MODELS = (stores_models, customers_models, audit_models, fulfillment_models)
"""Tables that only SQL names."""

service = Service(
    name="orders",
    title="Orders",
    metadata=Base.metadata,
    routers=[
        intake_endpoints.router,
        overview_endpoints.router,
        deadlines_endpoints.router,
        audit_endpoints.router,
        fulfillment_endpoints.router,
        aftersales_endpoints.router,
    ],
    events=[events],
    jobs=[intake_jobs.jobs, fulfillment_jobs.jobs],
    invariants=invariants,
)
