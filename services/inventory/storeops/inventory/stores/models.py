"""Tables of the stores area."""

from sqlmodel import Field

from storeops.inventory.base import Base


class Store(Base, table=True):
    """What this service keeps of a store. Its row also guards which levels may serve the store's orders."""

    store_id: str = Field(primary_key=True)
    brand_id: str
    name: str
