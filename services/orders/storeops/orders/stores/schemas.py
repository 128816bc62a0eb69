"""Parameters that name a store."""

from typing import Annotated

from fastapi import Path, Query

StoreId = Annotated[str, Path(pattern=r"^sto_[0-9a-f]{32}$")]
StoreFilter = Annotated[str | None, Query(pattern=r"^sto_[0-9a-f]{32}$", description="Only this store's.")]
