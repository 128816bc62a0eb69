"""What the documents point at is there."""

import re

from storeops.app.documents import ROOT

PLACES = re.compile(r"`([\w./-]+/[\w./-]+)`")
NAMED = re.compile(r"`(\w+)`(?: in| of) `([\w./-]+\.py)`")
LINKS = re.compile(r"\]\((?!http)([^)#]+)\)")


def test_architecture_points_at_places_that_are_there() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    places = [place for place in PLACES.findall(page) if place.startswith(("services/", "libs/", "apps/", "tests/"))]
    assert len(places) > 10
    assert [place for place in places if not (ROOT / place).exists()] == []
    assert [(name, place) for name, place in NAMED.findall(page) if name not in (ROOT / place).read_text()] == []


def test_links_lead_somewhere() -> None:
    for page in ("README.md", "CONTRIBUTING.md", "docs/architecture.md"):
        folder = (ROOT / page).parent
        assert [link for link in LINKS.findall((ROOT / page).read_text()) if not (folder / link).exists()] == [], page
