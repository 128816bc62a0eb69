"""The page of the API documentation stands without a network."""

import re

from storeops.common.testing.harness import Harness


async def test_the_page_takes_everything_from_this_server(harness: Harness) -> None:
    client = await harness.client(None)
    page = await client.get("/docs")
    assert page.status_code == 200
    needed = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert len(needed) >= 2
    for address in needed:
        if not address.startswith("data:"):
            assert address.startswith("/docs/assets/")
            assert (await client.get(address)).status_code == 200
    assert "/v1/orders" in (await client.get("/openapi.json")).json()["paths"]
