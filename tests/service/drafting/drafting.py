"""Running a drafter to its end, as a handler of the service does, also against answers byte for byte."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from indexer.provider import open_provider
from indexer.rate_limiter import RateLimiter
from indexer.settings import Settings
from service.drafting.chat import ChatCall
from service.drafting.drafter import Drafter, DraftResult
from service.results import Neighbour
from tests.service.drafting.examples import TICKET, neighbour

__all__ = ["KEY", "Drafted", "answering", "draft", "draft_at", "until"]

KEY = "sk-secret-of-the-tests"


class Drafted(DraftResult, frozen=True, kw_only=True):
    """A finished draft, with the requests that were made for it."""

    calls: tuple[ChatCall, ...] = ()

    @property
    def chat_requests(self) -> int:
        """How many requests were sent."""
        return sum(call.requests for call in self.calls)

    @property
    def prompt_tokens(self) -> int:
        """Tokens of all prompts, as the provider reported them or by estimate."""
        return sum(call.prompt_tokens for call in self.calls)

    @property
    def completion_tokens(self) -> int:
        """Tokens of all answers, in the same way."""
        return sum(call.completion_tokens for call in self.calls)


def draft_at(
    url: str,
    *,
    text: str = TICKET,
    neighbours: Sequence[Neighbour] = (neighbour(),),
    timeout: float = 20,
    max_retries: int = 0,
    limiter: RateLimiter | None = None,
) -> tuple[list[str], Drafted]:
    """Draft in an event loop of its own; return the pieces that were shown and the result."""

    async def run() -> tuple[list[str], Drafted]:
        client = open_provider(Settings(api_base=url, oxlo_api_key=KEY), max_retries=max_retries)
        async with client:
            drafter = Drafter(client, model="llama-3.3-70b", timeout=timeout, limiter=limiter)
            return await draft(drafter, text, neighbours)

    return asyncio.run(run())


async def draft(
    drafter: Drafter,
    text: str = TICKET,
    neighbours: Sequence[Neighbour] = (neighbour(),),
) -> tuple[list[str], Drafted]:
    """Take all that the drafter yields; return the pieces that were shown and the result."""
    calls: list[ChatCall] = []
    *pieces, result = [item async for item in drafter.draft(text, neighbours, calls)]
    assert isinstance(result, DraftResult)
    assert all(isinstance(piece, str) and piece for piece in pieces)
    return [str(piece) for piece in pieces], Drafted(**msgspec.structs.asdict(result), calls=tuple(calls))


def until(condition: Callable[[], bool]) -> None:
    """Wait until something that happens in another process has happened."""
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


@contextlib.asynccontextmanager
async def answering(body: bytes, content_type: str = "text/event-stream") -> AsyncIterator[str]:
    """Serve one fixed answer with status 200 to whatever is asked, byte for byte; give the address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = next(
            int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if b"content-length" in line
        )
        await reader.readexactly(length)
        writer.write(
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-type: %b\r\n\r\n" % content_type.encode() + body
        )
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
