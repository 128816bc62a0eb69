"""What this service takes from the process's settings."""

from fastapi import Request

from storeops.common.http.context import context_of


def contact_key_of(request: Request) -> str:
    """The key of the prints by which phones and addresses are compared; the process does not start without one."""
    key = context_of(request).settings.contact_key
    if key is None:
        raise RuntimeError("the process was started without a contact key")
    return key
