"""`python -m storeops.app`: the command, for processes that start processes."""

from storeops.app.main import app

app()
