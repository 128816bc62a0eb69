"""The one registry of this service's tables: everything lies in the schema `orders`."""

from typing import Any

from sqlalchemy import DateTime, MetaData, Text
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

INSTANT: Any = DateTime(timezone=True)
"""The column type of every point in time."""
TEXTS: Any = ARRAY(Text)
"""The column type of a list of names or ids."""
DOCUMENT: Any = JSONB(none_as_null=True)
"""The column type of what is kept as it came."""


class Base(SQLModel, registry=registry(metadata=MetaData(schema="orders"))):
    """Parent of every table of orders."""
