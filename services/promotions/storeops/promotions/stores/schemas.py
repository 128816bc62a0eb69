"""How stores are named in requests."""

from typing import Annotated

from fastapi import Query

StoreFilter = Annotated[str | None, Query(pattern=r"^sto_[0-9a-f]{32}$", description="Only of this store.")]
