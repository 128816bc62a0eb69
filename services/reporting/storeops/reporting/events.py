"""The consumer group of this service: it observes every event, and nobody waits for it."""

from storeops.common.events import EventRouter

events = EventRouter("reporting.archive", pace=0.1, observer=True)
