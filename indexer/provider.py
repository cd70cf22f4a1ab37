"""The client of the provider of embeddings and chat, and its failures as `ProviderError`."""

import contextlib
import functools
import json
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from indexer.errors import ProviderError
from indexer.retry_after import seconds_to_wait
from indexer.settings import Settings

if TYPE_CHECKING:
    # Importing the SDK takes more than a second; commands that never ask the provider do not wait for it.
    import ssl

    import httpx2
    import openai

__all__ = ["open_provider", "provider_errors", "retries_before", "translate"]

_CONNECT_SECONDS = 5.0
_NO_KEY = "not-needed"  # the SDK insists on one; local servers ignore it
_QUOTED_LENGTH = 200
_ECHO_LENGTH = 12


def open_provider(
    settings: Settings,
    *,
    max_retries: int,
    patience: float | None = None,
    before: Callable[[str], Awaitable[None]] | None = None,
) -> "openai.AsyncOpenAI":
    """Return a client of the provider that settings name; whoever opens it closes it.

    It belongs to the event loop that uses it first. ``OPENAI_…`` variables of the environment have no effect on
    it; they would again on a copy by ``with_options``, so open another one instead.

    :param max_retries: repetitions, by the SDK, of a request that met 408, 409, 429, 5xx or a broken connection, with
        exponential back-off or as long as ``Retry-After`` says (up to 120 seconds).
    :param patience: seconds of ``Retry-After`` above which a request is not repeated, because somebody waits for the answer.
    :param before: awaited with the model's name before each request, repetitions too; a `ProviderError` that it raises
        keeps the request from being sent.
    """
    import httpx2
    import openai

    async def limit_waiting(response: httpx2.Response) -> None:
        if patience is not None and (_retry_after(response) or 0.0) > patience:
            response.headers["x-should-retry"] = "false"  # the header by which a server tells the SDK so

    class Client(openai.AsyncOpenAI):
        async def _prepare_request(self, request: httpx2.Request) -> None:  # the SDK's hook for each request
            if before is None:
                return
            try:
                await before(str(_sent(request).get("model")))
            except ProviderError as error:
                error.sent = retries_before(request)
                raise

    timeout = settings.provider_timeout
    client = Client(
        http_client=openai.DefaultAsyncHttpxClient(
            verify=_trust(), event_hooks={"response": [limit_waiting]}
        ),
        base_url=settings.api_base,
        api_key=settings.oxlo_api_key or _NO_KEY,
        timeout=httpx2.Timeout(timeout, connect=min(timeout, _CONNECT_SECONDS)),
        max_retries=max_retries,
    )
    client.organization = client.project = None
    client._custom_headers = {}  # noqa: SLF001 (OPENAI_CUSTOM_HEADERS has no public way out)
    return client


@functools.cache
def _trust() -> "ssl.SSLContext":
    # Loading the certificates takes longer than all else that makes a client.
    import httpx2

    return httpx2.create_ssl_context()


def retries_before(request: "httpx2.Request") -> int:
    """Return how often the SDK has sent the request before; it numbers its repetitions in a header."""
    return int(request.headers.get("x-stainless-retry-count", 0))


@contextlib.contextmanager
def provider_errors() -> Iterator[None]:
    """Raise what goes wrong with the provider inside the block as `ProviderError`.

    :raises ProviderError: without the SDK's error as its cause, because that one may quote a ticket.
    """
    import openai

    try:
        yield
    except (openai.OpenAIError, TimeoutError, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise translate(error) from None


def translate(error: Exception) -> ProviderError:
    """Return the SDK's error as a `ProviderError`.

    Its ``kind`` is ``timeout``, ``unreachable`` (no connection, or one that broke), ``unauthorized`` (the key),
    ``rate_limited`` (too many requests or tokens), ``quota_exhausted`` (the account is empty), ``refused`` (this
    request), ``server_error`` or ``unusable_answer``. The message quotes the provider's own, unless that repeats what
    was sent.
    """
    import httpx2
    import openai

    where = _where(error)
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        msg = f"{where} did not answer in time: try again later, or raise PRECEDENT_PROVIDER_TIMEOUT"
        return ProviderError(msg, kind="timeout")
    if isinstance(error, openai.APIConnectionError):
        cause = error.__cause__
        what = (
            "broke the connection" if isinstance(cause, httpx2.RemoteProtocolError) else "cannot be reached"
        )
        detail = f" ({type(cause).__name__}: {cause})" if cause else ""
        msg = f"{where} {what}{detail}: check the network and PRECEDENT_API_BASE"
        return ProviderError(msg, kind="unreachable")
    if isinstance(error, openai.APIStatusError) and not isinstance(error, openai.APIResponseValidationError):
        return _of_status(error, where)
    if type(error) is openai.APIError:  # the SDK's way to hand on an error that came inside a stream
        msg = f"{where} broke off its answer{_quoted(error)}: try again later"
        return ProviderError(msg, kind="server_error")
    msg = (
        f"{where} did not answer in the OpenAI protocol: check PRECEDENT_API_BASE (it usually ends with /v1)"
    )
    return ProviderError(msg, kind="unusable_answer")


def _of_status(error: "openai.APIStatusError", where: str) -> ProviderError:
    status = error.status_code
    if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        sent = error.request.headers.get("authorization", "")
        problem, remedy = ("refused the key", "check") if _NO_KEY not in sent else ("asks for a key", "set")
        # Without the provider's own message, which often repeats a part of the key.
        msg, kind = f"{where} {problem} (status {status}): {remedy} OXLO_API_KEY", "unauthorized"
    elif status == HTTPStatus.PAYMENT_REQUIRED or error.code == "insufficient_quota":
        msg, kind = f"the account at {where} is used up (status {status}): top it up", "quota_exhausted"
    elif status == HTTPStatus.TOO_MANY_REQUESTS:
        remedy = "set PRECEDENT_REQUESTS_PER_MINUTE or PRECEDENT_TOKENS_PER_MINUTE to the account's limits"
        msg, kind = f"{where} asks for fewer requests (status 429){_quoted(error)}: {remedy}", "rate_limited"
    elif status == HTTPStatus.NOT_FOUND:
        remedy = "check the name of the model and PRECEDENT_API_BASE"
        msg, kind = f"{where} is not there (status 404){_quoted(error)}: {remedy}", "refused"
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
        msg, kind = f"{where} failed (status {status}){_quoted(error)}: try again later", "server_error"
    else:
        msg, kind = f"{where} refused the request (status {status}){_quoted(error)}", "refused"
    return ProviderError(msg, kind=kind, retry_after=_retry_after(error.response))


def _where(error: Exception) -> str:
    request: httpx2.Request | None = getattr(error, "request", None)
    if request is None:
        return "the provider"
    # Neither user nor query of the address: they may hold a secret.
    address = f"{request.url.scheme}://{request.url.netloc.decode()}{request.url.path}"
    model = _sent(request).get("model")
    return f"{model} at {address}" if model else address


def _sent(request: "httpx2.Request") -> dict[str, Any]:
    try:
        body = json.loads(request.content or b"{}")
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _quoted(error: "openai.APIError") -> str:
    """Return the provider's own message in brackets, or nothing if there is none to show."""
    body = error.body
    if isinstance(body, dict):
        body = body.get("message") or body.get("detail")
    if not isinstance(body, str) or body.lstrip().startswith("<"):
        return ""
    said = " ".join(body.split())[:_QUOTED_LENGTH]
    if not said:
        return ""
    # A backslash may be an escaped letter, behind which the comparison would not see the text.
    if "\\" in said or _echoes(said.casefold(), error.request):
        return " (its message repeats the request and is left out)"
    return f' ("{said}")'


def _echoes(said: str, request: "httpx2.Request") -> bool:
    sent = _sent(request)
    runs = {said[start : start + _ECHO_LENGTH] for start in range(max(1, len(said) - _ECHO_LENGTH + 1))}
    messages = [message.get("content") for message in sent.get("messages") or ()]
    key = request.headers.get("authorization", "").removeprefix("Bearer ")
    for text in [key, *messages, *(sent.get("input") or ())]:
        flat = " ".join(str(text).split()).casefold()
        if any(run in flat for run in runs) or (len(flat) < _ECHO_LENGTH and flat in said):
            return True
    return False


def _retry_after(response: "httpx2.Response") -> float | None:
    milliseconds = seconds_to_wait(response.headers.get("retry-after-ms"))
    return (
        seconds_to_wait(response.headers.get("retry-after")) if milliseconds is None else milliseconds / 1000
    )
