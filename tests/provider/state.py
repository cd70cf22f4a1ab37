"""What the stand-in has been told, and what it has seen."""

from typing import Any, Literal

import msgspec

__all__ = ["CHAT_ONLY", "EMBEDDINGS_ONLY", "KINDS", "Configuration", "Fault", "State", "Stats"]

EMBEDDINGS_ONLY = frozenset({"wrong_count", "wrong_dimension", "nan", "zero_vector", "shuffled"})
CHAT_ONLY = frozenset({"error_in_stream", "empty"})
KINDS = (
    frozenset({"400", "401", "429", "500", "503", "timeout", "cut", "html_200", "error_200"})
    | EMBEDDINGS_ONLY
    | CHAT_ONLY
)


class Configuration(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """How the stand-in behaves when it is well."""

    latency: float = 0.0
    chunk_delay: float = 0.0
    dimension: int = 64
    models: dict[str, int] = {}
    reply: str | None = None
    chunk: int | None = None
    takes_format: bool = True
    takes_logprobs: bool = True
    tells_logprobs: bool = True
    telling: dict[str, str] = {}
    bodies_kept: int = 50
    max_batch: int | None = None
    max_chars: int | None = None
    require_key: str | None = None


class Fault(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A failure to come: of ``times`` requests (``None``: all) to ``endpoint``, after the next ``after`` ones."""

    kind: str
    times: int | None = 1
    endpoint: Literal["embeddings", "chat", "any"] = "any"
    after: int = 0
    retry_after: float | None = None

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            msg = f"{self.kind!r} is not a kind of failure: use one of {', '.join(sorted(KINDS))}"
            raise ValueError(msg)

    def concerns(self, endpoint: str) -> bool:
        """Whether it can happen at this endpoint."""
        never = {"embeddings": CHAT_ONLY, "chat": EMBEDDINGS_ONLY}[endpoint]
        return self.endpoint in (endpoint, "any") and self.kind not in never


class Stats(msgspec.Struct, kw_only=True):
    """What arrived; ``texts`` counts texts in embedding requests, refused ones included."""

    requests: dict[str, int] = msgspec.field(
        default_factory=lambda: {"embeddings": 0, "chat": 0, "models": 0}
    )
    texts: int = 0
    embedded: int = 0
    """Texts whose vectors were sent in a usable answer."""
    in_flight: int = 0
    peak: int = 0
    """Most requests in flight at once."""
    disconnects: int = 0
    """Answers that the client left before their end."""
    authorization: list[str] = []
    """Distinct values of the Authorization header."""
    bodies: list[dict[str, Any]] = []
    """The last request bodies, as many as are kept, oldest first, each with ``endpoint`` and ``at`` (seconds) added."""
    headers: dict[str, str] = {}
    """Of the last request, by lower-cased name."""


class State:
    """Everything the application remembers between requests."""

    def __init__(self, configuration: Configuration) -> None:
        self._start = configuration
        self.reset()

    def reset(self) -> None:
        """Go back to how the server was started."""
        self.configuration = msgspec.structs.replace(self._start)
        self.faults: list[Fault] = []
        self.stats = Stats()

    def fault_for(self, endpoint: str) -> Fault | None:
        """Return the failure that this request must meet, and count it."""
        found = None
        for fault in self.faults:
            if not fault.concerns(endpoint):
                continue
            if fault.after > 0:
                fault.after -= 1
            elif found is None:
                found = fault
        if found is not None and found.times is not None:
            found.times -= 1
            if found.times <= 0:
                self.faults.remove(found)
        return found
