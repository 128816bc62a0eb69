"""Alembic's entry: every table of the service, on the connection that `storeops migrate` opened."""

from storeops.common.migrating import run_env
from storeops.promotions.base import Base
from storeops.promotions.campaigns import models as campaigns
from storeops.promotions.listings import models as listings
from storeops.promotions.prices import models as prices
from storeops.promotions.stores import models as stores

MODELS = (stores, listings, prices, campaigns)
"""Named here, so that their tables are known."""

run_env(Base.metadata)
