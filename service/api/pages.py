"""The web console under ``/``, ``/docs``, the API as a page to read and to try, and ``/metrics``."""

import hashlib
import importlib.util
from pathlib import Path
from typing import Any

from litestar import Request, Response, Router, get
from litestar.enums import MediaType
from litestar.exceptions import NotFoundException
from litestar.openapi.plugins import OpenAPIRenderPlugin
from litestar.params import FromPath
from litestar.status_codes import HTTP_304_NOT_MODIFIED
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from service.api.documentation import response

__all__ = ["SwaggerPage", "router"]

_SCRIPT = """
SwaggerUIBundle({
  url: document.currentScript.src.replace(/assets\\/[^/]*$/, "openapi.json"),
  dom_id: "#swagger-ui",
  deepLinking: true,
  presets: [SwaggerUIBundle.presets.apis],
});
"""
_DOCS = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src 'self'; \
style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'">
<title>Precedent: API</title>
<link rel="icon" href="{here}assets/favicon-32x32.png">
<link rel="stylesheet" href="{here}assets/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="{here}assets/swagger-ui-bundle.js"></script>
<script src="{here}assets/start.js"></script>
</body>
</html>
"""
_FOLDER = Path(__file__).parent.parent / "console"
_PAGE = "index.html"
_TYPES = {
    ".css": "text/css",
    ".html": "text/html",
    ".js": "text/javascript",
    ".png": "image/png",
    ".svg": "image/svg+xml",
}
_CONSOLE = {path.name: path.read_bytes() for path in _FOLDER.iterdir() if path.suffix in _TYPES}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Of the console, which needs the API and nothing else."""


def _assets() -> dict[str, bytes]:
    """Return what the page loads: Swagger UI's files, and the script that starts it."""
    # The package's own code is for Flask, which is not installed: only its files are wanted.
    found = importlib.util.find_spec("flask_swagger_ui")
    if found is None or found.origin is None:
        msg = "the package flask-swagger-ui, which has the files of /docs, is not installed: run `make setup`"
        raise ImportError(msg)
    folder = Path(found.origin).parent / "dist"
    names = ("swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png")
    return {name: (folder / name).read_bytes() for name in names} | {"start.js": _SCRIPT.encode()}


_ASSETS = _assets()


class SwaggerPage(OpenAPIRenderPlugin):
    """Swagger UI; it names nothing but what lies beside it, so that it works under any path."""

    def __init__(self) -> None:
        super().__init__(path="/")

    def render(self, request: Request[Any, Any, Any], _openapi_schema: dict[str, Any]) -> bytes:
        """Return the page."""
        path: bytes = request.scope["raw_path"]
        return _DOCS.replace("{here}", "" if path.endswith(b"/") else "docs/").encode()


@get("/", include_in_schema=False, sync_to_thread=False)
def page(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the page."""
    return _file(request, _PAGE)


@get("/console/{name:str}", include_in_schema=False, sync_to_thread=False)
def file(request: Request[Any, Any, Any], name: FromPath[str]) -> Response[bytes]:
    """Return one of the files that the page loads."""
    if name not in _CONSOLE or name == _PAGE:
        msg = "the console has no such file"
        raise NotFoundException(msg)
    return _file(request, name)


def _file(request: Request[Any, Any, Any], name: str) -> Response[bytes]:
    tag = f'"{hashlib.sha256(_CONSOLE[name]).hexdigest()[:20]}"'
    headers = {
        # Browsers ask each time whether it is still the same, so that a new release is seen at once.
        "Cache-Control": "no-cache",
        "Content-Security-Policy": _POLICY,
        "ETag": tag,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    if request.headers.get("if-none-match") == tag:
        return Response(b"", status_code=HTTP_304_NOT_MODIFIED, headers=headers)
    return Response(_CONSOLE[name], media_type=_TYPES[Path(name).suffix], headers=headers)


@get("/docs/assets/{name:str}", include_in_schema=False, sync_to_thread=False)
def asset(name: FromPath[str]) -> Response[bytes]:
    """Return one of the files that the documentation loads."""
    if name not in _ASSETS:
        msg = "the documentation has no such file"
        raise NotFoundException(msg)
    headers = {"Cache-Control": "max-age=3600"}
    return Response(_ASSETS[name], media_type=_TYPES[Path(name).suffix], headers=headers)


@get(
    "/metrics",
    summary="What an operator watches",
    tags=["operations"],
    sync_to_thread=False,
    responses={200: response(str, "Prometheus's text format", MediaType.TEXT)},
)
def metrics() -> Response[bytes]:
    """Return counters and gauges in the format that Prometheus reads."""
    return Response(generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


router = Router("/", route_handlers=[page, file, asset, metrics])
