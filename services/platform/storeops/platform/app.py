"""The platform service's table of contents."""

from storeops.common.service import Service
from storeops.platform.access import endpoints as access
from storeops.platform.access.jobs import jobs
from storeops.platform.base import Base
from storeops.platform.invariants import invariants
from storeops.platform.staff import endpoints as staff
from storeops.platform.stores import endpoints as stores

service = Service(
    name="platform",
    title="brands and stores, people and what they may do, signing in",
    metadata=Base.metadata,
    routers=[stores.router, staff.router, access.router],
    events=[],
    jobs=[jobs],
    invariants=invariants,
)
