"""What the OpenAPI document says of answers beside those that handlers return: errors, and other types."""

from typing import Any

from litestar.enums import MediaType
from litestar.openapi.datastructures import ResponseSpec

from service.problems import PROBLEM_TYPE, Problem

__all__ = ["problems", "response"]

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


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the documentation of these errors and of those that every call may meet."""
    return {
        status: response(Problem, _WHEN[status], media_type=PROBLEM_TYPE)
        for status in sorted({401, 429, 503, *statuses})
    }


def response(kind: Any, description: str, media_type: str = MediaType.JSON) -> ResponseSpec:
    """Return the documentation of an answer of this type, without made-up examples."""
    return ResponseSpec(kind, generate_examples=False, description=description, media_type=media_type)
