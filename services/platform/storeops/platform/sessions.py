"""The sessions of this service's endpoints."""

from typing import Annotated

from fastapi import Depends

from storeops.common.db import ReadSession, WriteSession
from storeops.common.http.routing import reading_from, writing

Read = Annotated[ReadSession, Depends(reading_from("platform"), scope="function")]
Write = Annotated[WriteSession, Depends(writing("platform"), scope="function")]
