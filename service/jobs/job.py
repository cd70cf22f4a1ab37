"""A job as it stands."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec

from service.doc import doc
from service.intake import BatchResult
from service.jobs.child import JobProgress

__all__ = ["Job", "JobKind"]

JobKind = Literal["batch", "rebuild", "verify", "evaluate", "audit", "backup", "forget", "inspect", "sync"]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Long work: a batch that is stored, or a command that an operator started."""

    id: str
    kind: JobKind = "batch"
    state: Annotated[
        Literal["waiting", "running", "done", "failed", "cancelled", "interrupted"],
        doc("`interrupted`: the service ended before the job did"),
    ]
    format: Annotated[Literal["json", "lines"] | None, doc("of a batch")] = None
    created_at: datetime
    ended_at: datetime | None = None
    detail: Annotated[str | None, doc("why it is not done, or what is to be known of it")] = None
    sent_by: Annotated[str | None, doc("whose key sent it, as in the audit log")] = None
    progress: Annotated[JobProgress | None, doc("while a command runs")] = None
    result: Annotated[BatchResult | None, doc("of a batch; grows while it is stored")] = None
    report: Annotated[
        dict[str, Any] | None, doc("what a command says at its end with `--json`; not in lists")
    ] = None
    order: Annotated[
        dict[str, Any] | None,
        doc("of `inspect` and `sync`: what was ordered, to be sent again to go on with it"),
    ] = None
    service: Annotated[int | None, doc("process id of the service that runs a command")] = None

    @property
    def file_form(self) -> "Job":
        """The job as it may stand in a file: the receipt of a forget names what no file may name any more."""
        return msgspec.structs.replace(self, report=None) if self.kind == "forget" else self
