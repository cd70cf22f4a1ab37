"""The OpenAPI document: what it says of answers beside those that handlers return, and of bodies that types cannot tell."""

import copy
from typing import Any, get_args

from litestar import Request
from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.plugins import JsonRenderPlugin

from indexer.ticket import MAX_ID_LENGTH, MAX_TEXT_LENGTH
from service.jobs.orders import AnyOrder
from service.problems import PROBLEM_TYPE, Problem

__all__ = ["Document", "problems", "response"]

_Schema = dict[str, Any]

# Whatever is not white space or a control character: without one of those a text is missing.
_WRITTEN = r"[^\s\x00-\x1f\x7f]"
_TIMES = ("created_at", "resolved_at", "updated_at")
_EXAMPLE = {
    "subject": "Webhooks arrive twice",
    "body": "Each order is announced two times since this morning.",
    "priority": "high",
    "resolution": "The endpoint answered after 11 s and was asked again: answer first, then work.",
    "resolved_at": "2026-03-31T14:05:00Z",
}
_QUESTION = {"text": "All calls return 401 since we rotated our key."}
_EXAMPLES = {
    "TriageRequest": [{**_QUESTION, "top_k": 3, "draft": False}],
    "Question": [_QUESTION],
    "SimilarRequest": [{**_QUESTION, "with_resolution": True}],
}
_WHEN = {
    400: "the request is malformed, such as a body that is not JSON",
    401: "the service needs an API key",
    403: "the API key's scope does not allow this; `detail` names the one that does",
    404: "nothing of that id is stored",
    409: "such a job runs already (`Location` is that one's), or one is in the way; `detail` names it",
    413: "the body is larger than this path takes",
    415: "the body's content type is not one that this path takes",
    422: "the body is JSON, but not what this path takes; `detail` names the field",
    429: "too many calls of this key, or too many wrong keys from this address; `Retry-After` gives the seconds",
    503: "the provider of embeddings, the index or the ledger is unavailable; `Retry-After` gives the seconds",
}
_BODIES: dict[tuple[str, str], dict[str, _Schema]] = {
    ("/v1/tickets/{ticket_id}", "put"): {
        "application/json": {"oneOf": [{"$ref": "#/components/schemas/TicketBody"}]}
    },
    ("/v1/tickets/batch", "post"): {
        "application/json": {
            "type": "array",
            "items": {"oneOf": [{"$ref": "#/components/schemas/BatchTicket"}]},
        },
        "application/x-ndjson": {"type": "string", "description": "one ticket a line, as JSON"},
    },
    ("/v1/uploads", "post"): {"application/octet-stream": {"type": "string", "format": "binary"}},
}
"""By path and method, what is not read into a handler's type."""
_STREAM: _Schema = {
    "type": "string",
    "description": "events `triage` (id, priority, neighbours, index), `token` (`{text}`, any number of them), then `done` "
    "(the whole answer, which is authoritative) or `error` (a problem)",
}


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the documentation of these errors and of those that every call may meet."""
    return {
        status: response(Problem, _WHEN[status], media_type=PROBLEM_TYPE)
        for status in sorted({401, 429, 503, *statuses})
    }


def response(kind: Any, description: str, media_type: str = MediaType.JSON) -> ResponseSpec:
    """Return the documentation of an answer of this type, without made-up examples."""
    return ResponseSpec(kind, generate_examples=False, description=description, media_type=media_type)


class Document(JsonRenderPlugin):
    """``openapi.json``, as Litestar reads it off the handlers, with the rules that types cannot tell."""

    def render(self, request: Request[Any, Any, Any], openapi_schema: dict[str, Any]) -> bytes:
        """Return the document."""
        openapi_schema = copy.deepcopy(openapi_schema)
        paths = openapi_schema["paths"]
        for (path, method), kinds in _BODIES.items():
            content = {kind: {"schema": schema} for kind, schema in kinds.items()}
            paths[path][method]["requestBody"] = {"content": content, "required": True}
        paths["/v1/triage"]["post"]["responses"]["200"]["content"]["text/event-stream"] = {"schema": _STREAM}
        schemas: dict[str, _Schema] = openapi_schema["components"]["schemas"]
        for name in ("Question", "TriageRequest", "SimilarRequest", "FeedbackRequest"):
            schemas[name]["additionalProperties"] = False
            schemas[name]["properties"] |= _words()
        for order in get_args(AnyOrder):
            schemas[order.__name__]["additionalProperties"] = False
        for name, examples in _EXAMPLES.items():
            schemas[name] |= {
                "anyOf": _any_of("text", "subject", "body"),
                # The whole ticket is given alone.
                "dependentSchemas": {"text": {"anyOf": [_nulls("text"), _nulls("subject", "body")]}},
                "examples": examples,
            }
        for name, kind in {
            "triage_id": {"type": "string", "minLength": 1, "maxLength": 64},
            "ticket_id": _label(),
            "reason": {"type": "string", "maxLength": 2_000, "pattern": r"^[^\x00]*$"},
            "precedent": _label(),
        }.items():
            told = schemas["FeedbackRequest"]["properties"]
            told[name] = _nullable(kind) | {"description": told[name]["description"]}
        schemas["FeedbackRequest"] |= {
            "anyOf": _any_of("triage_id", "ticket_id"),
            # The text of a ticket that is not stored comes with a triage of it.
            "dependentSchemas": {
                name: {"anyOf": _any_of("ticket_id", "text", "subject", "body")}
                for name in ("priority", "decisions")
            },
        }
        schemas["TicketBody"] = _ticket()
        schemas["BatchTicket"] = {
            "type": "object",
            "description": "a resolved ticket; other names are not read",
            "properties": {
                "id": {"anyOf": [_label() | {"pattern": _WRITTEN}, {"type": "integer"}]},
                **_ticket()["properties"],
            },
            "required": ["id"],
            "anyOf": _any_of("text", "subject", "body"),
            "examples": [{"id": "T-1042", **_EXAMPLE}],
        }
        return super().render(request, openapi_schema)


def _ticket() -> _Schema:
    time = _nullable(
        {"type": "string", "format": "date-time"}, {"type": "number", "minimum": 0, "maximum": 4e9}
    )
    return {
        "type": "object",
        "description": "a resolved ticket without its id, which the path has; other names are not read",
        "properties": {
            **_words(),
            "priority": _nullable(_label()),
            "resolution": _nullable({"type": "string", "maxLength": MAX_TEXT_LENGTH}),
            **dict.fromkeys(_TIMES, time),
            "tags": _nullable({"type": "array", "items": _label()}),
            "source": _nullable(_label()),
        },
        "anyOf": _any_of("text", "subject", "body"),
        "examples": [_EXAMPLE],
    }


def _words() -> _Schema:
    words = {"type": "string", "pattern": _WRITTEN, "maxLength": MAX_TEXT_LENGTH}
    return {
        "text": _nullable(words) | {"description": "the whole ticket; else give subject and body"},
        "subject": _nullable(words),
        "body": _nullable(words),
    }


def _label() -> _Schema:
    # One line of characters that can be printed: of these, all of ASCII's and most others.
    return {
        "type": "string",
        "minLength": 1,
        "maxLength": MAX_ID_LENGTH,
        "pattern": r"^[^\x00-\x1f\x7f-\xa0]*$",
    }


def _nullable(*kinds: _Schema) -> _Schema:
    return {"anyOf": [*kinds, {"type": "null"}]}


def _nulls(*names: str) -> _Schema:
    return {"properties": {name: {"type": "null"} for name in names}}


def _any_of(*names: str) -> list[_Schema]:
    return [{"required": [name], "properties": {name: {"not": {"type": "null"}}}} for name in names]
