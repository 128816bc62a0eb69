"""Reads of the copied stores."""

from collections.abc import Collection

from sqlmodel import col, select

from storeops.common.db import ReadSession
from storeops.promotions.stores.errors import StoreNotFound
from storeops.promotions.stores.models import Store


async def stores_by_id(session: ReadSession, store_ids: Collection[str]) -> dict[str, Store]:
    """Those of the stores that exist and that the session may see."""
    orm = await session.orm()
    found = await orm.exec(select(Store).where(col(Store.store_id).in_(store_ids)))
    return {store.store_id: store for store in found}


async def get_store(session: ReadSession, store_id: str) -> Store:
    """A store; raises `StoreNotFound`, or `StoreForbidden` when it lies outside the session's scope."""
    session.scope.require_store(store_id)
    found = await stores_by_id(session, [store_id])
    if store_id not in found:
        raise StoreNotFound(f"there is no store {store_id}")
    return found[store_id]
