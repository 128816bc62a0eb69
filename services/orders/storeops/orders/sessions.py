"""The two kinds of session that endpoints of this service take."""

from typing import Annotated

from fastapi import Depends

from storeops.common.db import ReadSession, WriteSession
from storeops.common.http.routing import reading_from, writing

Read = Annotated[ReadSession, Depends(reading_from("orders"), scope="function")]
Write = Annotated[WriteSession, Depends(writing("orders"), scope="function")]


def stores_asked(session: ReadSession, store_id: str | None) -> list[str] | None:
    """The stores that a list must name in its query: the one asked for, else the caller's; None is every store.

    Raises `StoreForbidden` for a store outside the caller's.
    """
    if store_id is not None:
        session.scope.require_store(store_id)
        return [store_id]
    return None if session.scope.stores is None else sorted(session.scope.stores)
