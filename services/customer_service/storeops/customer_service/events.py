"""The consumer group of this service; the handlers of every area register here."""

from storeops.common.events import EventRouter

events = EventRouter("customer_service")
