"""The whole shop of the access tests, for tests of how requests are read."""

from ..access.conftest import world  # noqa: TID252 - tests have no package to name

__all__ = ["world"]
