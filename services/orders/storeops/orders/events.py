"""The one consumer group of this service; each area's handlers register with it."""

from storeops.common.events import EventRouter

events = EventRouter("orders")
