"""The raw limits: the least work that an order of three lines with a promotion can be, without any of our code.

`raw.endpoint` is plain FastAPI, Pydantic and asyncpg with one transaction an order; `bare` and `hot` are the same
order's SQL, and one conditional update of one row, by pgbench. They share the server and its settings with what is
measured against them.
"""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Annotated, Any

import asyncpg
import uvicorn
from fastapi import FastAPI, HTTPException, Request
from pydantic import BaseModel, Field

ADDRESS = "STOREOPS_BENCH_RAW"
"""The variable that names the raw database."""
WORKERS = 2
POOL = 16
"""Connections of one worker."""

SCHEMA = """
CREATE TABLE stock (
    sku integer PRIMARY KEY,
    on_hand integer NOT NULL,
    taken integer NOT NULL DEFAULT 0,
    CHECK (taken <= on_hand)
) WITH (fillfactor = 50);
CREATE TABLE sale (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer_id integer NOT NULL,
    status text NOT NULL,
    total numeric(12, 2) NOT NULL,
    promo text,
    created_at timestamptz NOT NULL DEFAULT transaction_timestamp()
);
CREATE TABLE sale_line (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sale_id bigint NOT NULL REFERENCES sale,
    sku integer NOT NULL REFERENCES stock,
    quantity integer NOT NULL,
    price numeric(12, 2) NOT NULL
);
CREATE INDEX sale_line_sale ON sale_line (sale_id);
CREATE TABLE message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    topic text NOT NULL,
    key bigint NOT NULL,
    payload jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT transaction_timestamp()
);
INSERT INTO stock (sku, on_hand) SELECT sku, 1000000000 FROM generate_series(1, 1000) AS sku;
INSERT INTO stock (sku, on_hand) VALUES (100000, 2000000000);
"""
"""A thousand SKUs with ample stock and a hot one."""

BARE = r"""
\set first random(1, 333)
\set second random(334, 666)
\set third random(667, 1000)
\set customer random(1, 100000)
BEGIN;
UPDATE stock SET taken = taken + 1 WHERE sku = :first AND on_hand - taken >= 1;
UPDATE stock SET taken = taken + 2 WHERE sku = :second AND on_hand - taken >= 2;
UPDATE stock SET taken = taken + 1 WHERE sku = :third AND on_hand - taken >= 1;
INSERT INTO sale (customer_id, status, total, promo) VALUES (:customer, 'paid', 90.00, 'TEN') RETURNING id AS sale \gset
INSERT INTO sale_line (sale_id, sku, quantity, price)
    VALUES (:sale, :first, 1, 20.00), (:sale, :second, 2, 30.00), (:sale, :third, 1, 20.00);
INSERT INTO message (topic, key, payload)
    VALUES ('order.placed', :sale, '{"v": 1, "type": "order.placed", "lines": 3, "total": "90.00"}');
COMMIT;
"""
"""An order in eight round trips."""

COLD = r"""
\set first random(1, 333)
\set second random(334, 666)
\set third random(667, 1000)
BEGIN;
UPDATE stock SET taken = taken + 1 WHERE sku = :first AND on_hand - taken >= 1;
UPDATE stock SET taken = taken + 2 WHERE sku = :second AND on_hand - taken >= 2;
UPDATE stock SET taken = taken + 1 WHERE sku = :third AND on_hand - taken >= 1;
COMMIT;
"""
"""The pieces of an order of three lines, taken one row at a time."""

HOT = "UPDATE stock SET taken = taken + 1 WHERE sku = 100000 AND on_hand - taken >= 1;\n"
"""One piece of the one SKU that everybody wants."""

TAKE = "UPDATE stock SET taken = taken + $2 WHERE sku = $1 AND on_hand - taken >= $2"
SELL = "INSERT INTO sale (customer_id, status, total, promo) VALUES ($1, 'paid', $2, $3) RETURNING id"
LIST = (
    "INSERT INTO sale_line (sale_id, sku, quantity, price) "
    "SELECT $1, * FROM unnest($2::int[], $3::int[], $4::numeric[])"
)
TELL = "INSERT INTO message (topic, key, payload) VALUES ('order.placed', $1, $2)"


class Line(BaseModel):
    """A line."""

    sku: Annotated[int, Field(ge=1)]
    qty: Annotated[int, Field(ge=1, le=100)]
    price: Annotated[Decimal, Field(ge=0, max_digits=10, decimal_places=2)]


class Wanted(BaseModel):
    """An order to place."""

    customer_id: int
    promo: str | None = None
    lines: Annotated[list[Line], Field(min_length=1, max_length=50)]


class Sold(BaseModel):
    """An order that was placed."""

    id: int
    status: str
    total: Decimal


@asynccontextmanager
async def pooled(application: FastAPI) -> AsyncGenerator[None]:
    """A full pool while the application runs."""
    async with asyncpg.create_pool(os.environ[ADDRESS], min_size=POOL, max_size=POOL) as pool:
        application.state.pool = pool
        yield


app = FastAPI(lifespan=pooled)


@app.get("/readyz")
async def ready() -> str:
    """Whether it serves."""
    return "ready"


@app.post("/orders", status_code=201)
async def place_order(body: Wanted, request: Request) -> Sold:
    """Take the pieces, write order, lines and a message in one transaction."""
    total = sum((line.qty * line.price for line in body.lines), Decimal(0))
    if body.promo == "TEN":
        total = (total * Decimal("0.9")).quantize(Decimal("0.01"))
    lines = sorted(body.lines, key=lambda line: line.sku)
    pool: Any = request.app.state.pool
    async with pool.acquire() as connection, connection.transaction():
        for line in lines:
            if await connection.execute(TAKE, line.sku, line.qty) != "UPDATE 1":
                raise HTTPException(409, "out of stock")
        sale = await connection.fetchval(SELL, body.customer_id, total, body.promo)
        columns = [line.sku for line in lines], [line.qty for line in lines], [line.price for line in lines]
        await connection.execute(LIST, sale, *columns)
        payload = f'{{"v": 1, "type": "order.placed", "lines": {len(lines)}, "total": "{total}"}}'
        await connection.execute(TELL, sale, payload)
    return Sold(id=sale, status="paid", total=total)


if __name__ == "__main__":
    uvicorn.run(
        "storeops.app.bench.raw:app",
        host="127.0.0.1",
        port=int(sys.argv[sys.argv.index("--port") + 1]),
        workers=WORKERS,
        loop="uvloop",
        http="httptools",
        log_level="warning",
        access_log=False,
    )
