"""The one registry of this service's tables."""

from sqlalchemy import MetaData
from sqlalchemy.orm import registry
from sqlmodel import SQLModel


class Base(SQLModel, registry=registry(metadata=MetaData(schema="platform"))):
    """What every table of the platform derives from."""
