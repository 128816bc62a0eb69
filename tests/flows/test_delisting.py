"""What cannot be sold is not on sale; restocking puts back what the system took off, never a person's (LST-3)."""

import pytest
from storeops.common.testing.shop import Listing, Shop


@pytest.fixture
async def tea(shop: Shop) -> Listing:
    """The listing of the ten packs of tea."""
    [listing] = (await shop.get("/v1/listings", store_id=shop.store_id, sku="TEA-250"))["items"]
    return Listing(listing["listing_id"], listing["on_shelf"], listing["delisted_by"])


async def test_selling_out_takes_a_listing_off_and_restocking_puts_it_back(shop: Shop, tea: Listing) -> None:
    order = await shop.paid_order(lines={"TEA-250": 9})
    assert (await shop.listing(tea)).on_shelf
    last = await shop.paid_order(lines={"TEA-250": 1})
    assert await shop.listing(tea) == Listing(tea.id, on_shelf=False, delisted_by="system")

    await shop.ship(order)
    await shop.ship(last)
    assert not (await shop.listing(tea)).on_shelf
    await shop.receive({"TEA-250": 5})
    assert await shop.listing(tea) == Listing(tea.id, on_shelf=True, delisted_by=None)


async def test_stock_that_is_given_back_is_on_sale_again(shop: Shop, tea: Listing) -> None:
    order = await shop.place({"TEA-250": 10})
    assert not (await shop.listing(tea)).on_shelf
    await shop.cancel(order)
    assert (await shop.listing(tea)).on_shelf

    unpaid = await shop.place({"TEA-250": 10})
    assert not (await shop.listing(tea)).on_shelf
    await shop.advance(hours=1)
    assert (await shop.order(unpaid.id)).phase == "expired"
    assert (await shop.listing(tea)).on_shelf


async def test_what_a_person_took_off_stays_off(shop: Shop, tea: Listing) -> None:
    await shop.paid_order(lines={"TEA-250": 10})
    await shop.delist(tea, reason="phased out")
    await shop.receive({"TEA-250": 5})
    listing = await shop.listing(tea)
    assert not listing.on_shelf
    assert listing.delisted_by not in (None, "system")
