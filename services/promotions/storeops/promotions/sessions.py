"""The two kinds of session that endpoints of this service take."""

from typing import Annotated

from fastapi import Depends

from storeops.common.db import ReadSession, WriteSession
from storeops.common.http.routing import reading_from, writing

Read = Annotated[ReadSession, Depends(reading_from("promotions"), scope="function")]
Write = Annotated[WriteSession, Depends(writing("promotions"), scope="function")]
