"""The handle by which a test starts the stand-in, tells it how to fail, and asks what it saw."""

import contextlib
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

from tests.provider.state import Stats

__all__ = ["Provider", "Stats"]

_ROOT = Path(__file__).parents[2]


class Provider:
    """A running stand-in; ``url`` ends with ``/v1``."""

    def __init__(self, url: str) -> None:
        self.url = url

    @classmethod
    @contextlib.contextmanager
    def start(cls, *, latency: float = 0.0, dimension: int = 64, port: int = 0) -> Iterator["Provider"]:
        """Run one in a process of its own for as long as the ``with`` block lasts.

        :param latency: seconds before every answer.
        :param dimension: dimension of the vectors of models that `configure` gives no other.
        :param port: port on loopback; 0 is a free one.
        """
        options = [f"--port={port}", f"--latency={latency}", f"--dimension={dimension}", "--owned"]
        with subprocess.Popen(
            [sys.executable, "-m", "tests.provider", *options],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        ) as process:
            try:
                assert process.stdout is not None
                line = process.stdout.readline()
                assert line, "the stand-in provider did not start: see its traceback above"
                yield cls(json.loads(line)["url"])
            finally:
                process.kill()

    def fail(
        self,
        kind: str,
        *,
        times: int | None = 1,
        endpoint: Literal["embeddings", "chat", "any"] = "any",
        after: int = 0,
        retry_after: float | None = None,
    ) -> None:
        """Let coming requests fail.

        Everywhere: ``400`` (quotes the input), ``401``, ``429`` (``Retry-After`` 1 unless given), ``500``, ``503``,
        ``timeout`` (no answer until the client goes), ``cut`` (half an answer), ``html_200``, ``error_200``.
        Embeddings: ``wrong_count``, ``wrong_dimension``, ``nan``, ``zero_vector``, and ``shuffled``, which is allowed.
        Chat: ``error_in_stream``, ``empty``.

        :param times: how many requests; ``None`` for all until `clear`.
        :param after: how many matching requests go well before.
        :param retry_after: seconds, sent as ``Retry-After`` with 429, 500 and 503.
        """
        self._post("fail", kind=kind, times=times, endpoint=endpoint, after=after, retry_after=retry_after)

    def configure(self, **changes: Any) -> None:
        """Change how the stand-in behaves when it is well, from the next request on.

        ``latency`` and ``chunk_delay`` (seconds, before an answer and after every chunk of a stream), ``dimension``,
        ``models`` (dimensions by model name), ``reply`` (the chat's text; ``None`` cites the first ticket of the
        prompt), ``chunk`` (characters of the reply in one chunk), ``takes_format`` (else 400 where a form is asked for), ``takes_logprobs`` and
        ``tells_logprobs`` (else 400, or none, where probabilities are asked for), ``telling`` (labels by words of tickets that
        have them), ``bodies_kept`` (request bodies in the statistics), ``max_batch`` (more texts: 413), ``max_chars`` (a longer text: 400), ``require_key`` (else 401).
        """
        self._post("configure", **changes)

    def clear(self) -> None:
        """Forget the failures to come."""
        self._post("clear")

    def reset(self) -> None:
        """Forget failures, changes and statistics: as just started."""
        self._post("reset")

    def stats(self) -> Stats:
        """Return what arrived since the start or the last `reset`."""
        return msgspec.convert(self._post("stats"), Stats)

    def _post(self, action: str, **body: Any) -> Mapping[str, Any]:
        url = f"{self.url.removesuffix('/v1')}/control/{action}"
        request = urllib.request.Request(url, data=json.dumps(body).encode(), method="POST")
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                answer: Mapping[str, Any] = json.load(response)
        except urllib.error.HTTPError as error:
            with error:
                msg = f"{action} is refused: {error.read().decode()}"
            raise ValueError(msg) from None
        return answer
