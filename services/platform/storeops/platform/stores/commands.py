"""Creates brands, opens and changes stores, and says so. Knows no people."""

from collections.abc import Callable

from storeops.common.contracts.platform import StoreChanged, StoreFacts, StoreOpened
from storeops.common.db import WriteSession
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.platform.stores import queries
from storeops.platform.stores.errors import BrandNameTaken, StoreNameTaken, UnknownBrand
from storeops.platform.stores.models import Brand, Store
from storeops.platform.stores.schemas import ChangeStore, OpenStore


async def create_brand(session: WriteSession, *, name: str) -> Brand:
    """Create a brand; raises `BrandNameTaken` (409)."""
    brand = Brand(brand_id=new_id("brd"), name=name, created_at=await session.now())
    created = await session.fetchval(
        "INSERT INTO platform.brand (brand_id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING "
        "RETURNING 1",
        brand.brand_id,
        brand.name,
        brand.created_at,
    )
    if created is None:
        message = f"there is a brand {name!r} already"
        raise BrandNameTaken(message)
    return brand


async def open_store(session: WriteSession, terms: OpenStore) -> Store:
    """Open a store of a brand; raises `UnknownBrand` (422) and `StoreNameTaken` (409)."""
    if not await queries.lock_brand(session, terms.brand_id):
        message = f"no brand {terms.brand_id}"
        errors = [{"pointer": "/body/brand_id", "value": terms.brand_id, "expected": "the id of a brand"}]
        raise UnknownBrand(message, errors=errors)
    await _require_free_name(session, terms.brand_id, terms.name)
    store = Store(
        store_id=new_id("sto"),
        brand_id=terms.brand_id,
        name=terms.name,
        channel=terms.channel,
        time_zone=terms.time_zone,
        currency=terms.currency,
        opened_at=await session.now(),
        version=1,
        event_sequence=1,
    )
    (await session.orm()).add(store)
    await _announce(session, StoreOpened, store)
    return store


async def change_store(
    session: WriteSession, store_id: str, changes: ChangeStore, *, require_version: Callable[[int], None]
) -> Store:
    """Rename a store or move it to another time zone; a change to what already is changes nothing.

    `require_version` is given the present version under the store's lock and raises when the edit was based on
    another (412, 428). Raises `StoreNotFound` (404) and `StoreNameTaken` (409).
    """
    await queries.lock_brand(session, (await queries.get_store(session, store_id)).brand_id)
    store = await queries.get_store(session, store_id, for_update=True)
    require_version(store.version)
    name, time_zone = changes.name or store.name, changes.time_zone or store.time_zone
    if (name, time_zone) == (store.name, store.time_zone):
        return store
    if name != store.name:
        await _require_free_name(session, store.brand_id, name)
    store.name, store.time_zone = name, time_zone
    store.version += 1
    store.event_sequence += 1
    await _announce(session, StoreChanged, store)
    return store


async def _require_free_name(session: WriteSession, brand_id: str, name: str) -> None:
    if await queries.store_name_taken(session, brand_id, name):
        message = f"the brand has a store {name!r} already"
        raise StoreNameTaken(message)


async def _announce(session: WriteSession, fact: type[StoreFacts], store: Store) -> None:
    event = fact(
        occurred_at=await session.now(),
        store_id=store.store_id,
        brand_id=store.brand_id,
        name=store.name,
        channel=store.channel,
        time_zone=store.time_zone,
        currency=store.currency,
    )
    publish(session, event, sequence=store.event_sequence)
