"""Reads an upload of traffic figures: text, header, rows. Pure; knows no store."""

import csv
import io
from typing import NamedTuple

from pydantic import ValidationError

from storeops.reporting.traffic.errors import FileUnreadable, HeaderInvalid, TooManyRows
from storeops.reporting.traffic.schemas import RejectedRow, RowError, TrafficItem

MOST_ROWS = 5_000
"""Rows of one import."""
SHOWN = 200
"""Characters of a refused value that are shown back."""
COLUMNS = tuple(TrafficItem.model_fields)


class Row(NamedTuple):
    """A data row of the file, by column; cells beyond the header are under `None`."""

    line: int
    cells: dict[str | None, str | list[str] | None]


def read_rows(content: bytes) -> list[Row]:
    """The rows behind the header.

    Raises `FileUnreadable`, `HeaderInvalid` (422) or `TooManyRows` (413).
    """
    reader = csv.DictReader(io.StringIO(decode(content), newline=""), skipinitialspace=True)
    try:
        require_header([name.strip() for name in reader.fieldnames or ()])
        reader.fieldnames = [name.strip() for name in reader.fieldnames or ()]
        rows: list[Row] = []
        for cells in reader:
            if len(rows) == MOST_ROWS:
                message = f"an import holds at most {MOST_ROWS} rows; split the file"
                raise TooManyRows(message)
            rows.append(Row(reader.line_num, dict(cells)))
    except csv.Error as error:
        message = f"line {reader.line_num} is no CSV: {error}"
        raise FileUnreadable(message) from error
    return rows


def decode(content: bytes) -> str:
    """The text of an upload: UTF-8, with or without its mark, or GB18030 as marketplaces write it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    message = "the file is neither UTF-8 nor GB18030 text"
    raise FileUnreadable(message)


def require_header(names: list[str]) -> None:
    """Refuse a header that lacks a column, has one twice or has one we do not know."""
    if sorted(names) != sorted(COLUMNS):
        errors = [{"pointer": "/body/1", "value": ",".join(names)[:SHOWN], "expected": ",".join(COLUMNS)}]
        message = f"the first row must name the columns {', '.join(COLUMNS)}"
        raise HeaderInvalid(message, errors=errors)


def read_item(row: Row) -> TrafficItem | RejectedRow:
    """The figure of a row, or what is wrong with it."""
    try:
        return TrafficItem.model_validate({name or "more_cells": cell for name, cell in row.cells.items()})
    except ValidationError as error:
        wrong = [(str(e["loc"][0]), e["input"], e["msg"]) for e in error.errors(include_url=False)]
    return rejected(row, [RowError(field=f, value=shown(value), expected=message) for f, value, message in wrong])


def rejected(row: Row, errors: list[RowError]) -> RejectedRow:
    """A row as it was given, with its errors."""
    values = {name or "more_cells": shown(cell) or "" for name, cell in row.cells.items()}
    return RejectedRow(line=row.line, values=values, errors=errors)


def shown(value: object) -> str | None:
    """A refused value as it may be shown back."""
    return None if value is None else str(value)[:SHOWN]
