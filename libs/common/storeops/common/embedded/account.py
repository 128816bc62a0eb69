"""Whom the embedded PostgreSQL runs as: it refuses root, so that root lends it an unprivileged user and a way in."""

import logging
import os
import pwd
import stat
import subprocess
from pathlib import Path

from storeops.common.embedded.process import Account, EmbeddedServerError

logger = logging.getLogger(__name__)

ACCOUNT_NAME = "pgserver"


class NoServerAccount(EmbeddedServerError):
    """We are root, and the unprivileged user for the server is missing and cannot be created."""


def server_account(data: Path) -> Account | None:
    """The user to run as: None (ourselves) unless we are root, then the owner of existing data, else `pgserver`.

    Raises `NoServerAccount`.
    """
    if os.geteuid() != 0:
        return None
    if data.exists() and (owner := data.stat().st_uid) != 0:
        entry = pwd.getpwuid(owner)
    else:
        entry = _find_user(ACCOUNT_NAME) or _create_user(ACCOUNT_NAME)
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)


def open_the_way(path: Path, account: Account) -> None:
    """Let the account pass through, not list, the folders above `path`; each folder changed is logged."""
    for parent in path.resolve().parents:
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH and parent.stat().st_uid != account.uid:
            parent.chmod(stat.S_IMODE(mode) | stat.S_IXOTH)
            logger.warning("chmod o+x %s, so that user %s reaches %s", parent, account.name, path)


def _find_user(name: str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        return None


def _create_user(name: str) -> pwd.struct_passwd:
    command = ["useradd", "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name]
    try:
        # Another process may create it at the same moment: what counts is that it exists afterwards.
        outcome = subprocess.run(command, capture_output=True, text=True, check=False).stderr.strip()
    except FileNotFoundError:
        outcome = "there is no useradd here"
    if entry := _find_user(name):
        return entry
    raise NoServerAccount(
        f"PostgreSQL does not run as root and user {name} could not be created ({outcome}); "
        f"create it, or run StoreOps as an ordinary user"
    )
