"""What the spine counts. Labels name services, groups, stores and kinds; never an order, customer or SKU."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "storeops_http_request_seconds",
    "Seconds to answer a request.",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0),
)
CONSUMED = Counter("storeops_events_consumed_total", "Events that had their effect.", ["group"])
SKIPPED = Counter("storeops_events_skipped_total", "Events of types that a group does not handle.", ["group"])
PARKED = Counter("storeops_events_parked_total", "Messages set aside after failing.", ["group"])
CONSUMER_RETRIES = Counter("storeops_consumer_retries_total", "Pauses for the database or network.", ["group"])
RELAYED = Counter("storeops_events_relayed_total", "Events moved from an outbox to the bus.", ["service"])
TIMERS_FIRED = Counter("storeops_timers_fired_total", "Deadlines that fired.", ["service", "kind"])
TIMER_LATENESS = Histogram(
    "storeops_timer_lateness_seconds",
    "Business seconds between a deadline and its firing.",
    ["service"],
    buckets=(0.1, 1.0, 5.0, 30.0, 300.0, 3600.0),
)
OUTBOX_PENDING = Gauge("storeops_outbox_pending_events", "Events that wait for the relay.", ["service"])
GROUP_LAG = Gauge("storeops_consumer_lag_messages", "Messages that a group has not handled yet.", ["group"])
PARKED_NOW = Gauge("storeops_parked_messages", "Messages set aside now.", ["service"])
