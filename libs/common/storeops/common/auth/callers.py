"""The caller of a request: a subject with grants, each a role over all stores or some."""

from typing import NamedTuple

from storeops.common.auth.permissions import ROLE_PERMISSIONS, UNSCOPED, Permission, Role
from storeops.common.errors import Forbidden

Stores = frozenset[str] | None
"""The stores a right covers; None is every store."""


class PermissionMissing(Forbidden):
    """The caller's roles do not include this permission."""


class Grant(NamedTuple):
    """A role over stores."""

    role: Role
    stores: Stores


class Caller(NamedTuple):
    """Who calls: `subject` is `sta_…`, `key_…` or `service:name`; `kind` staff, key or service."""

    subject: str
    kind: str
    grants: tuple[Grant, ...]
    expires_at: int
    """Seconds since the epoch, machine time."""

    def stores_for(self, permission: Permission) -> Stores:
        """The stores in which the caller holds a permission; raises `PermissionMissing` (403) when in none."""
        holding = [grant for grant in self.grants if permission in ROLE_PERMISSIONS.get(grant.role, ())]
        if not holding:
            message = f"{self.subject} needs the permission {permission}"
            raise PermissionMissing(message, permission=permission)
        if permission in UNSCOPED or any(grant.stores is None for grant in holding):
            return None
        return frozenset[str]().union(*(grant.stores or () for grant in holding))
