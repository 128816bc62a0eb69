"""The one registry of this service's tables: everything lies in the schema `promotions`."""

from typing import Any

from sqlalchemy import ARRAY, BigInteger, DateTime, MetaData, Text
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

INSTANT: Any = DateTime(timezone=True)
"""The column type of every point in time."""
MINOR: Any = BigInteger()
"""The column type of an amount in minor units."""
MINORS: Any = ARRAY(BigInteger)
"""The column type of a list of amounts."""
SKUS: Any = ARRAY(Text)
"""The column type of a list of SKUs."""


class Base(SQLModel, registry=registry(metadata=MetaData(schema="promotions"))):
    """Parent of every table of promotions."""
