"""What a grant means. Pure."""

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from storeops.common.auth.callers import Grant, Stores
from storeops.common.auth.permissions import Role


class Terms(Protocol):
    """A role and where it holds."""

    role: str
    scope: str
    brand_ids: list[str]
    store_ids: list[str]


def brands_named(grants: Iterable[Terms]) -> set[str]:
    """Every brand that these grants name."""
    return {brand for grant in grants for brand in grant.brand_ids}


def expanded(grants: Iterable[Terms], stores_of_brand: Mapping[str, frozenset[str]]) -> list[Grant]:
    """Grants as a token holds them: each role once, over all stores or those that its scopes come to now."""
    by_role: dict[Role, Stores] = {}
    for grant in grants:
        role = Role(grant.role)
        held = by_role.get(role, frozenset())
        if grant.scope == "all" or held is None:
            by_role[role] = None
        else:
            brands = (stores_of_brand.get(brand, frozenset()) for brand in grant.brand_ids)
            by_role[role] = held.union(grant.store_ids, *brands)
    return [Grant(role, stores) for role, stores in by_role.items()]


def touches(grant: Terms, stores: Collection[str], brands: Collection[str]) -> bool:
    """Whether a grant reaches one of these stores; `brands` are the stores' brands."""
    if grant.scope == "all":
        return True
    return not (set(stores).isdisjoint(grant.store_ids) and set(brands).isdisjoint(grant.brand_ids))
