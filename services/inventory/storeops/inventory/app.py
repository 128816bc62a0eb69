"""The inventory service: what can be stocked, where it lies, and to whom it is promised. Areas bottom to top:
stores (a local copy), catalog, stock.
"""

from storeops.common.service import Service
from storeops.inventory.base import Base
from storeops.inventory.catalog import endpoints as catalog
from storeops.inventory.events import events
from storeops.inventory.invariants import invariants
from storeops.inventory.stock import endpoints as stock
from storeops.inventory.stock import handlers as stock_handlers
from storeops.inventory.stock.jobs import jobs
from storeops.inventory.stores import handlers as store_handlers

HANDLERS = (store_handlers, stock_handlers)
"""Importing them registers what they handle."""

service = Service(
    name="inventory",
    title="Inventory",
    metadata=Base.metadata,
    routers=[catalog.router, stock.router],
    events=[events],
    jobs=[jobs],
    invariants=invariants,
)
