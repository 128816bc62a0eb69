"""The one consumer group of this service. Nobody waits for it, so it turns at most ten times a second."""

from storeops.common.events import EventRouter

events = EventRouter("promotions", pace=0.1)
