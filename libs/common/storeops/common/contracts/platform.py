"""Events of the platform service: stores and staff. Topics `store` and `staff`."""

from storeops.common.contracts.base import Event


class StoreFacts(Event):
    """What other services keep of a store."""

    store_id: str
    brand_id: str
    name: str
    channel: str
    """taobao, tmall, jd, douyin or own."""
    time_zone: str
    currency: str


class StoreOpened(StoreFacts, type="store.opened.v1", topic="store", key="store_id"):
    """A store began."""


class StoreChanged(StoreFacts, type="store.changed.v1", topic="store", key="store_id"):
    """A store's facts changed; carries all of them as they are now."""


class StaffGranted(Event, type="staff.granted.v1", topic="staff", key="staff_id", public=True):
    """A person received a role over all stores, some brands or some stores (ROL-1 … ROL-9)."""

    staff_id: str
    grant_id: str
    role: str
    scope: str
    """all, brands or stores."""
    brand_ids: tuple[str, ...] = ()
    store_ids: tuple[str, ...] = ()


class StaffRevoked(Event, type="staff.revoked.v1", topic="staff", key="staff_id", public=True):
    """A person lost a grant."""

    staff_id: str
    grant_id: str
    role: str
