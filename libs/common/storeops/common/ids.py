"""Identifiers: a prefix that names the kind and a UUIDv7, so that ids sort by birth and read as what they are."""

import os
import uuid

from storeops.common.clock import machine_ms


def uuid7() -> uuid.UUID:
    """A UUID of version 7 (RFC 9562): 48 bits of machine milliseconds, 74 random bits."""
    value = machine_ms() << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


def new_id(prefix: str) -> str:
    """An id such as `ord_0193…`: the prefix, an underscore, 32 hexadecimal digits."""
    return f"{prefix}_{uuid7().hex}"
