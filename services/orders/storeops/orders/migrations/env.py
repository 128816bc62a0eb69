"""Runs this service's migrations on the connection that the migrator opened."""

from storeops.common.migrating import run_env
from storeops.orders.app import service

run_env(service.metadata)
