"""The API's OpenAPI description, made true: errors are problems (RFC 9457), and they are all there."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from devstack.services.api.models import Problem

REFERENCE = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
ERRORS = {
    "400": "The request is malformed.",
    "403": "A page of another origin, or a host's name that is not this server's.",
    "404": "There is nothing here.",
    "422": "A parameter is not as it should be; `errors` says which.",
    "default": "Any other error.",
}


def describe(app: FastAPI) -> None:
    """Make `app` describe itself with its real error answers."""

    def description() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _description(app)
        return app.openapi_schema

    app.openapi = description  # type: ignore[method-assign] # FastAPI's documented way to extend OpenAPI


def _description(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
    schemas = found["components"]["schemas"]
    schemas["Problem"] = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas.update(schemas["Problem"].pop("$defs", {}))
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    for path in found["paths"].values():
        for operation in path.values():
            _add_errors(operation)
    return found


def _add_errors(operation: dict[str, Any]) -> None:
    has_parameters = bool(operation.get("parameters"))
    for status, meaning in ERRORS.items():
        if has_parameters or status not in ("404", "422"):
            operation["responses"][status] = {"description": meaning, "content": REFERENCE}
