"""The page that shows the API at `/docs`, with its script and style from a wheel: it needs no network."""

from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

ASSETS = Path(str(files("swagger_ui") / "static"))
SCRIPT, STYLE = "/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css"


def install_documentation(app: FastAPI) -> None:
    """Serve the page and what it is made of."""

    async def page(_request: Request) -> Response:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title=app.title,
            swagger_js_url=SCRIPT,
            swagger_css_url=STYLE,
            swagger_favicon_url="data:,",
        )

    app.router.routes.append(Route("/docs", page))
    app.mount("/docs/assets", StaticFiles(directory=ASSETS), name="documentation")
