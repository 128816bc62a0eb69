"""The one registry of this service's tables: everything lies in the schema `inventory`."""

from typing import Any

from sqlalchemy import DateTime, MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

INSTANT: Any = DateTime(timezone=True)
"""The column type of every point in time."""


class Base(SQLModel, registry=registry(metadata=MetaData(schema="inventory"))):
    """Parent of every table of the inventory service."""
