"""Events of the reporting service: figures that people and channels hand in. Topic `traffic`."""

from datetime import date

from storeops.common.contracts.base import Event


class TrafficRecorded(Event, type="traffic.recorded.v1", topic="traffic", key="store_id", public=True):
    """Visitors and page views of one store, day, source and terminal, as handed in; a later one replaces it (REP-1)."""

    store_id: str
    day: date
    """In the store's zone."""
    source: str
    """search, pay_per_click, display, affiliate, group_buy, returning, off_site."""
    terminal: str
    """pc or mobile."""
    visitors: int
    page_views: int
    provider: str
    """Who says so; `synthetic` marks seeded figures."""
