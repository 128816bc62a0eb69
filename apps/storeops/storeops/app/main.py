"""The `storeops` command: its table of contents."""

import typer

from storeops.app import operate, parked, serve
from storeops.app.bench.command import bench
from storeops.app.demo.command import demo

app = typer.Typer(
    name="storeops",
    help="Runs the daily operation of online shops: orders, stock, promotions, customer service, figures.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(demo)
app.command()(operate.migrate)
app.command()(operate.kafka)
app.command()(operate.doctor)
app.add_typer(parked.parked, name="parked")
app.command()(operate.rebuild)
app.command()(operate.clock)
app.command()(bench)
