"""Additions to the OpenAPI document of each route: errors, streams, and bodies that are read as they come."""

from dataclasses import dataclass

from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIMediaType, Operation, Reference, RequestBody, Schema
from litestar.openapi.spec.enums import OpenAPIFormat, OpenAPIType

from service.problems import PROBLEM_TYPE, Problem
from service.results import Triage

__all__ = [
    "BatchOperation",
    "TicketOperation",
    "TriageOperation",
    "UploadOperation",
    "problems",
    "triage_responses",
]

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
_TICKET = Schema(one_of=[Reference(ref="#/components/schemas/TicketBody")])
_BATCH_TICKET = Schema(one_of=[Reference(ref="#/components/schemas/BatchTicket")])


def problems(*statuses: int) -> dict[int, ResponseSpec]:
    """Return the documentation of these errors and of those that every call may meet."""
    return {
        status: ResponseSpec(
            Problem, generate_examples=False, description=_WHEN[status], media_type=PROBLEM_TYPE
        )
        for status in sorted({401, 429, 503, *statuses})
    }


def triage_responses() -> dict[int, ResponseSpec]:
    """Return the documentation of a triage's answers; `TriageOperation` adds the stream."""
    whole = ResponseSpec(Triage, generate_examples=False, description="the whole answer, or the stream")
    return {200: whole, **problems(400, 413, 415, 422)}


@dataclass
class TriageOperation(Operation):
    """A triage may answer as a stream."""

    def __post_init__(self) -> None:
        """Document it."""
        answer = (self.responses or {})["200"]
        if not isinstance(answer, Reference) and answer.content is not None:
            description = (
                "events `triage` (id, priority, neighbours, index), `token` (`{text}`, any number of them), then `done` "
                "(the whole answer, which is authoritative) or `error` (a problem)"
            )
            stream = Schema(type=OpenAPIType.STRING, description=description)
            answer.content["text/event-stream"] = OpenAPIMediaType(schema=stream)


@dataclass
class TicketOperation(Operation):
    """The body is one ticket."""

    def __post_init__(self) -> None:
        """Document it."""
        self.request_body = RequestBody({"application/json": OpenAPIMediaType(schema=_TICKET)}, required=True)


@dataclass
class BatchOperation(Operation):
    """The body is many tickets."""

    def __post_init__(self) -> None:
        """Document it."""
        lines = Schema(type=OpenAPIType.STRING, description="one ticket a line, as JSON")
        self.request_body = RequestBody(
            {
                "application/json": OpenAPIMediaType(
                    schema=Schema(type=OpenAPIType.ARRAY, items=_BATCH_TICKET)
                ),
                "application/x-ndjson": OpenAPIMediaType(schema=lines),
            },
            required=True,
        )


@dataclass
class UploadOperation(Operation):
    """The body is a file."""

    def __post_init__(self) -> None:
        """Document it."""
        file = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
        self.request_body = RequestBody(
            {"application/octet-stream": OpenAPIMediaType(schema=file)}, required=True
        )
