"""Alembic's entry: the tables of this service, run on the connection that `storeops migrate` opened."""

from storeops.common.migrating import run_env
from storeops.platform.access import models as access
from storeops.platform.base import Base
from storeops.platform.staff import models as staff
from storeops.platform.stores import models as stores

AREAS = (stores, staff, access)
"""Imported for their tables."""

run_env(Base.metadata)
