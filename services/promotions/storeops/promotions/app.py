"""The promotions service's table of contents: areas from the bottom up."""

from storeops.common.service import Service
from storeops.promotions.base import Base
from storeops.promotions.campaigns import endpoints as campaigns
from storeops.promotions.events import events
from storeops.promotions.invariants import invariants
from storeops.promotions.listings import endpoints as listings
from storeops.promotions.listings import handlers as listing_handlers
from storeops.promotions.prices import endpoints as prices
from storeops.promotions.pricing import endpoints as pricing
from storeops.promotions.stores import handlers as store_handlers

HANDLERS = (store_handlers, listing_handlers)
"""Named here, so that they are imported and register with `events`."""

service = Service(
    name="promotions",
    title="Promotions",
    metadata=Base.metadata,
    routers=[listings.router, prices.router, campaigns.router, pricing.router],
    events=[events],
    invariants=invariants,
)
