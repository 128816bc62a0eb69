"""Who acts, and on which stores: the scope of a transaction, said to PostgreSQL in its opening message."""

import re
from typing import NamedTuple

from storeops.common.errors import Forbidden

SAFE = re.compile(r"^[A-Za-z0-9_]{1,64}$")
"""What may enter the text of an opening message: ids and names that we generate."""


class StoreForbidden(Forbidden):
    """The caller may do this, but not in that store."""


class Scope(NamedTuple):
    """Rights of one transaction. `stores` None means every store; a worker sees all through its own policy."""

    service: str
    actor: str
    """`staff_…`, `key_…`, `service:orders` or `system`."""
    stores: frozenset[str] | None = None
    worker: bool = False
    correlation_id: str | None = None
    traceparent: str | None = None

    @property
    def role(self) -> str:
        """The PostgreSQL role of this scope."""
        return f"wrk_{self.service}" if self.worker else f"svc_{self.service}"

    def opening(self, lease: float) -> str:
        """What follows BEGIN: role, stores, and for workers the limits that free a stopped owner's locks.

        Raises `ValueError` when a name is not one of ours: nothing else enters the text.
        """
        names = [self.service, *(self.stores or ())]
        for name in names:
            if not SAFE.fullmatch(name):
                message = f"{name!r} is no name of ours"
                raise ValueError(message)
        if self.worker:
            idle, lock = int(lease * 500), int(lease * 1000)
            return (
                f"SET LOCAL ROLE {self.role}; SET LOCAL idle_in_transaction_session_timeout = {idle}; "
                f"SET LOCAL lock_timeout = {lock}"
            )
        stores = "*" if self.stores is None else ",".join(sorted(self.stores))
        return f"SET LOCAL ROLE {self.role}; SET LOCAL lock_timeout = 10000; SET LOCAL storeops.stores = '{stores}'"

    def allows(self, store_id: str) -> bool:
        """Whether the scope covers a store."""
        return self.stores is None or store_id in self.stores

    def require_store(self, store_id: str) -> None:
        """Raise `StoreForbidden` (403) unless the scope covers the store."""
        if not self.allows(store_id):
            message = f"no right to do this in store {store_id}"
            raise StoreForbidden(message)


def worker_scope(service: str, actor: str = "system") -> Scope:
    """The scope of handlers, jobs, timers and the relay of a service."""
    return Scope(service=service, actor=actor, worker=True)
