"""The language between services: one file per producer, frozen, additive within a version; imports Pydantic only."""
