"""Puts listings on the shelf and takes them off, keeps who, when and why, and says so (LST-3).

Whoever puts something on the shelf first locks the stock state of its SKU, as the news of stock does: nothing is on
sale while nothing can be sold. Goods that no news of stock told of count as sold out. Lock order: stock states by
(store, SKU), then listings by id.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from storeops.common.contracts.inventory import StockOut, StockRestored, StockStateEvent
from storeops.common.contracts.promotions import ListingDelisted, ListingListed
from storeops.common.db import WriteSession
from storeops.common.errors import DomainError
from storeops.common.ids import new_id
from storeops.common.outbox import publish
from storeops.promotions.listings import queries
from storeops.promotions.listings.errors import ListingExists, ListingOutOfStock
from storeops.promotions.listings.models import Listing
from storeops.promotions.listings.rules import SYSTEM, check_title, minor_price
from storeops.promotions.listings.schemas import CreateListing
from storeops.promotions.stores.errors import StoreNotFound
from storeops.promotions.stores.models import Store
from storeops.promotions.stores.queries import stores_by_id

CREATED = "created"
OUT_OF_STOCK = "out_of_stock"
STOCK_RESTORED = "stock_restored"


class Draft(NamedTuple):
    """A listing to be made, and where in the request it stands."""

    body: CreateListing
    pointer: str

    @property
    def place(self) -> tuple[str, str]:
        """Store and SKU."""
        return self.body.store_id, self.body.sku


async def create_listing(session: WriteSession, body: CreateListing) -> Listing:
    """Make one listing, on the shelf if asked for and sellable; raises why not."""
    [answer] = await create_listings(session, [Draft(body, "/body")])
    if isinstance(answer, DomainError):
        raise answer
    return answer


async def create_listings(session: WriteSession, drafts: Sequence[Draft]) -> list[Listing | DomainError]:
    """Make listings, each accepted or refused by itself: what became of each, in order.

    One that should go on the shelf while its goods are out, or never came, is made off it, by the system, and comes
    with the goods.
    """
    stores = await stores_by_id(session, {draft.body.store_id for draft in drafts})
    answers: dict[int, Listing | DomainError] = {}
    priced: dict[int, int] = {}
    for index, draft in enumerate(drafts):
        try:
            session.scope.require_store(draft.body.store_id)
            priced[index] = check_draft(draft, stores)
        except DomainError as refusal:
            answers[index] = refusal
    now = await session.now()
    sold_out = await lock_stock_states(session, [drafts[index].place for index in priced], now)
    made = {
        index: first_state(session, drafts[index], price, stores, now, sold_out=drafts[index].place in sold_out)
        for index, price in priced.items()
    }
    kept = await _insert(session, list(made.values()))
    for index, listing in made.items():
        taken = ListingExists(f"store {listing.store_id} has a listing of {listing.sku} already")
        answers[index] = listing if listing.listing_id in kept else taken
    _announce(session, (made[i] for i in made if answers[i] is made[i] and made[i].on_shelf), session.scope.actor)
    return [answers[index] for index in range(len(drafts))]


async def put_on_shelf(session: WriteSession, listing_id: str, reason: str) -> Listing:
    """A person puts a listing on the shelf; one that is there already stays as it is.

    Raises `ListingNotFound`, or `ListingOutOfStock` while nothing of it can be sold.
    """
    known = await queries.get_listing(session, listing_id)
    if await lock_stock_states(session, [(known.store_id, known.sku)], await session.now()):
        raise ListingOutOfStock(f"nothing of {known.sku} can be sold now; it goes on the shelf when it is restocked")
    listing = await queries.lock_listing(session, listing_id)
    if listing.on_shelf:
        return listing
    [changed] = await _move(session, [listing], on_shelf=True, by=session.scope.actor, reason=reason)
    return changed


async def take_off_shelf(session: WriteSession, listing_id: str, reason: str) -> Listing:
    """A person takes a listing off the shelf; one that a person took off already stays as it is.

    One that the system took off becomes the person's: a restock leaves it off (LST-3). Raises `ListingNotFound`.
    """
    listing = await queries.lock_listing(session, listing_id)
    if listing.delisted_by not in (None, SYSTEM):
        return listing
    [changed] = await _move(session, [listing], on_shelf=False, by=session.scope.actor, reason=reason)
    return changed


async def take_off_sold_out(session: WriteSession, facts: Sequence[StockOut]) -> None:
    """Take what can no longer be sold off the shelf (LST-3), and remember it for SKUs that are not listed yet."""
    places = await _keep_stock_states(session, facts, sold_out=True)
    listings = await queries.lock_on_shelf(session, places)
    await _move(session, listings, on_shelf=False, by=SYSTEM, reason=OUT_OF_STOCK)


async def put_back_restocked(session: WriteSession, facts: Sequence[StockRestored]) -> None:
    """Put back what the system took off, and only that (LST-3)."""
    places = await _keep_stock_states(session, facts, sold_out=False)
    listings = await queries.lock_taken_off_by(session, places, SYSTEM)
    await _move(session, listings, on_shelf=True, by=SYSTEM, reason=STOCK_RESTORED)


async def set_price(session: WriteSession, listing: Listing, price: int, currency: str) -> Listing:
    """Give a locked listing another price, in minor units; answers it with its next version."""
    row = await session.fetchrow(
        "UPDATE promotions.listing SET price_minor = $2, currency = $3, version = version + 1 "
        "WHERE listing_id = $1 RETURNING *",
        listing.listing_id,
        price,
        currency,
    )
    assert row is not None
    return Listing(**row)


def check_draft(draft: Draft, stores: Mapping[str, Store]) -> int:
    """The price of a sound draft in minor units; raises what is wrong with it."""
    store = stores.get(draft.body.store_id)
    if store is None:
        raise StoreNotFound(f"there is no store {draft.body.store_id}")
    check_title(draft.body.title, pointer=f"{draft.pointer}/title")
    return minor_price(draft.body.price, draft.body.currency, sold_in=store.currency, pointer=draft.pointer)


def first_state(
    session: WriteSession, draft: Draft, price: int, stores: Mapping[str, Store], now: datetime, *, sold_out: bool
) -> Listing:
    """A new listing: where it was asked to be, but off the shelf by the system while nothing can be sold."""
    body = draft.body
    on_shelf = body.on_shelf and not sold_out
    held_back = body.on_shelf and sold_out
    return Listing(
        listing_id=new_id("lst"),
        store_id=body.store_id,
        sku=body.sku,
        title=body.title,
        price_minor=price,
        currency=stores[body.store_id].currency,
        on_shelf=on_shelf,
        delisted_by=None if on_shelf else SYSTEM if held_back else session.scope.actor,
        reason=OUT_OF_STOCK if held_back else CREATED,
        changed_at=now,
        version=1,
        event_sequence=int(on_shelf),
    )


async def lock_stock_states(
    session: WriteSession, places: Sequence[tuple[str, str]], now: datetime
) -> set[tuple[str, str]]:
    """Lock the stock states of these (store, SKU); answers which are sold out, as is what nothing was heard of.

    One statement in one order makes and locks: two takers of many states cannot wait for each other in a circle.
    """
    rows = await session.fetch(
        "INSERT INTO promotions.stock_state AS held (store_id, sku, sold_out, changed_at) "
        "SELECT DISTINCT store_id, sku, true, $3::timestamptz FROM unnest($1::text[], $2::text[]) AS t(store_id, sku) "
        "ORDER BY store_id, sku ON CONFLICT (store_id, sku) DO UPDATE SET sold_out = held.sold_out "
        "RETURNING store_id, sku, sold_out",
        [store_id for store_id, _ in places],
        [sku for _, sku in places],
        now,
    )
    return {(row["store_id"], row["sku"]) for row in rows if row["sold_out"]}


async def _keep_stock_states(
    session: WriteSession, facts: Sequence[StockStateEvent], *, sold_out: bool
) -> list[tuple[str, str]]:
    await session.fetch(
        "INSERT INTO promotions.stock_state (store_id, sku, sold_out, changed_at) "
        "SELECT store_id, sku, $4, changed_at FROM unnest($1::text[], $2::text[], $3::timestamptz[]) "
        "AS t(store_id, sku, changed_at) ORDER BY store_id, sku "
        "ON CONFLICT (store_id, sku) DO UPDATE SET sold_out = excluded.sold_out, changed_at = excluded.changed_at",
        [fact.store_id for fact in facts],
        [fact.sku for fact in facts],
        [fact.occurred_at for fact in facts],
        sold_out,
    )
    return [(fact.store_id, fact.sku) for fact in facts]


async def _insert(session: WriteSession, listings: Sequence[Listing]) -> set[str]:
    """Write listings with the first line of their history; answers the ids whose store and SKU were free."""
    names = ("listing_id", "store_id", "sku", "title", "currency", "delisted_by", "reason")
    rows = await session.fetch(
        "WITH added AS (INSERT INTO promotions.listing "
        "(listing_id, store_id, sku, title, currency, delisted_by, reason, price_minor, on_shelf, event_sequence, "
        "changed_at, version) "
        "SELECT *, $11::timestamptz, 1 FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[], "
        "$6::text[], $7::text[], $8::bigint[], $9::boolean[], $10::bigint[]) "
        "ON CONFLICT (store_id, sku) DO NOTHING RETURNING *), "
        "kept AS (INSERT INTO promotions.listing_history "
        "(listing_id, version, store_id, on_shelf, changed_by, reason, changed_at) "
        "SELECT listing_id, version, store_id, on_shelf, coalesce(delisted_by, $12), reason, changed_at FROM added) "
        "SELECT listing_id FROM added",
        *([getattr(listing, name) for listing in listings] for name in names),
        [listing.price_minor for listing in listings],
        [listing.on_shelf for listing in listings],
        [listing.event_sequence for listing in listings],
        await session.now(),
        session.scope.actor,
    )
    return {row["listing_id"] for row in rows}


async def _move(
    session: WriteSession, listings: Sequence[Listing], *, on_shelf: bool, by: str, reason: str
) -> list[Listing]:
    """Change locked listings and their history; an event tells of those that really went on or off the shelf."""
    if not listings:
        return []
    rows = await session.fetch(
        "WITH changed AS (UPDATE promotions.listing SET on_shelf = $2, "
        "delisted_by = CASE WHEN $2 THEN NULL ELSE $3 END, reason = $4, changed_at = $5, version = version + 1, "
        "event_sequence = event_sequence + (on_shelf <> $2)::int "
        "WHERE listing_id = ANY($1::text[]) RETURNING *), "
        "kept AS (INSERT INTO promotions.listing_history "
        "(listing_id, version, store_id, on_shelf, changed_by, reason, changed_at) "
        "SELECT listing_id, version, store_id, on_shelf, $3, reason, changed_at FROM changed) "
        "SELECT * FROM changed ORDER BY listing_id",
        [listing.listing_id for listing in listings],
        on_shelf,
        by,
        reason,
        await session.now(),
    )
    changed = [Listing(**row) for row in rows]
    moved = {listing.listing_id for listing in listings if listing.on_shelf is not on_shelf}
    _announce(session, (listing for listing in changed if listing.listing_id in moved), by)
    return changed


def _announce(session: WriteSession, listings: Iterable[Listing], by: str) -> None:
    for listing in listings:
        fact = ListingListed if listing.on_shelf else ListingDelisted
        event = fact(
            occurred_at=listing.changed_at,
            listing_id=listing.listing_id,
            store_id=listing.store_id,
            sku=listing.sku,
            by=by,
            reason=listing.reason,
        )
        publish(session, event, sequence=listing.event_sequence)
