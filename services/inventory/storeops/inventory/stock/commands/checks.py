"""What a caller must name rightly before anything of its request is done."""

from collections.abc import Collection, Mapping

from storeops.common.db import ReadSession, WriteSession
from storeops.inventory.catalog.errors import SkuUnknown
from storeops.inventory.catalog.queries import get_skus
from storeops.inventory.stock.errors import StoreNotFound, StoreUnknown
from storeops.inventory.stores.queries import known_stores


async def require_stores(session: WriteSession, store_ids: Collection[str]) -> None:
    """Raise `StoreForbidden` or `StoreUnknown` unless the caller may act in all of these stores."""
    for store_id in store_ids:
        session.scope.require_store(store_id)
    unknown = sorted(set(store_ids) - await known_stores(session, store_ids))
    if unknown:
        errors = [{"pointer": "/body/store_ids", "value": store_id, "expected": "a store"} for store_id in unknown]
        raise StoreUnknown(f"no store {', '.join(unknown)}", errors=errors)


async def require_store(session: ReadSession, store_id: str) -> None:
    """Raise `StoreForbidden` or `StoreNotFound` unless the store of a path is there and the caller may act in it."""
    session.scope.require_store(store_id)
    if not await known_stores(session, [store_id]):
        raise StoreNotFound(f"no store {store_id}")


async def require_skus(session: WriteSession, skus: Mapping[str, str]) -> None:
    """Raise `SkuUnknown` naming, by their place in the request, the SKUs that are not in the catalog."""
    known = await get_skus(session, set(skus.values()))
    errors = [
        {"pointer": pointer, "value": sku, "expected": "a SKU of the catalog"}
        for pointer, sku in skus.items()
        if sku not in known
    ]
    if errors:
        raise SkuUnknown(f"not in the catalog: {', '.join(error['value'] for error in errors[:10])}", errors=errors)
