"""What endpoints ask for: a session of this service that reads, or one that changes."""

from typing import Annotated

from fastapi import Depends

from storeops.common.db import ReadSession, WriteSession
from storeops.common.http.routing import reading_from, writing

Read = Annotated[ReadSession, Depends(reading_from("inventory"), scope="function")]
Write = Annotated[WriteSession, Depends(writing("inventory"), scope="function")]
