"""Identifiers: a prefix that names the kind and a UUIDv7, so that ids sort by birth and read as what they are."""

import os
import uuid

from storeops.common.clock import machine_ms

VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
RANDOM = (1 << 80) - 1 & ~(0xF << 76) & ~(0x3 << 62)
"""Which of a UUID's lower 80 bits are random."""


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of machine milliseconds, 74 random bits."""
    return uuid.UUID(int=fresh_value())


def new_id(prefix: str) -> str:
    """An id such as `ord_0193…`: the prefix, an underscore, 32 hexadecimal digits."""
    return f"{prefix}_{fresh_value():032x}"


def fresh_value() -> int:
    """The 128 bits of a new UUID of version 7."""
    return machine_ms() << 80 | VERSION_AND_VARIANT | int.from_bytes(os.urandom(10), "big") & RANDOM
