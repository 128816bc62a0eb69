"""The language between services: one file per producer, frozen, additive within a version; imports Pydantic only.

Importing the package registers every event: a process knows all topics, whichever services it runs.
"""

from storeops.common.contracts import customer_service, inventory, orders, platform, promotions, reporting

__all__ = ["customer_service", "inventory", "orders", "platform", "promotions", "reporting"]
