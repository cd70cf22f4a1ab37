"""The stand-in as a raw ASGI application: bare, because it must be able to break the protocol."""

import asyncio
from typing import Any

import msgspec

from tests.provider.chat import completion, completion_chunks, reply_to, weighed_labels
from tests.provider.state import Configuration, Fault, State
from tests.provider.vectors import embeddings_body
from tests.provider.wire import Answer, Cut, Receive, Refusal, Scope, Send, read_body

__all__ = ["StandIn"]

_HTML = b"<!doctype html><title>Welcome</title><p>Sign in to continue."
_ERROR = {"error": {"message": "upstream overloaded", "type": "server_error", "param": None, "code": None}}


class StandIn:
    """The application; ``/v1`` is the provider's, ``/control`` the tests'."""

    def __init__(self, configuration: Configuration) -> None:
        self._state = State(configuration)
        self._routes = {
            ("POST", "/v1/embeddings"): self._embeddings,
            ("POST", "/v1/chat/completions"): self._chat,
            ("GET", "/v1/models"): self._models,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        answer = Answer(receive, send)
        method, path = scope["method"], scope["path"]
        try:
            if path.startswith("/control/"):
                await answer.json(self._control(path.removeprefix("/control/"), await read_body(receive)))
            elif (method, path) in self._routes:
                await self._counted(scope, receive, answer)
            else:
                status = 405 if any(path == known for _, known in self._routes) else 404
                await answer.refuse(Refusal(status, f"no {method} {path} here"))
        except Refusal as refusal:
            await answer.refuse(refusal)

    def _control(self, action: str, raw: bytes) -> Any:
        state = self._state
        try:
            if action == "fail":
                state.faults.append(msgspec.json.decode(raw, type=Fault))
            elif action == "configure":
                changed = msgspec.to_builtins(state.configuration) | msgspec.json.decode(raw)
                state.configuration = msgspec.convert(changed, Configuration)
            elif action == "clear":
                state.faults.clear()
            elif action == "reset":
                state.reset()
            elif action == "stats":
                return state.stats
            else:
                raise Refusal(404, f"no control named {action}")
        except msgspec.ValidationError as error:
            raise Refusal(400, str(error)) from None
        return {}

    async def _counted(self, scope: Scope, receive: Receive, answer: Answer) -> None:
        stats = self._state.stats
        endpoint = {"/v1/embeddings": "embeddings", "/v1/chat/completions": "chat"}.get(
            scope["path"], "models"
        )
        stats.requests[endpoint] += 1
        stats.in_flight += 1
        stats.peak = max(stats.peak, stats.in_flight)
        stats.headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        authorization = stats.headers.get("authorization", "")
        if authorization not in stats.authorization:
            stats.authorization.append(authorization)
        try:
            body = await _parsed(receive) if scope["method"] == "POST" else {}
            stats.bodies = [*stats.bodies, {"endpoint": endpoint, "at": answer.begun, **body}][
                -self._state.configuration.bodies_kept :
            ]
            key = self._state.configuration.require_key
            if key is not None and authorization != f"Bearer {key}":
                raise Refusal(401, "Incorrect API key provided", code="invalid_api_key")
            await self._routes[scope["method"], scope["path"]](body, answer)
        finally:
            stats.in_flight -= 1
            stats.disconnects += answer.left

    async def _models(self, _: dict[str, Any], answer: Answer) -> None:
        names = ["bge-large", "llama-3.3-70b", *self._state.configuration.models]
        await answer.json(
            {"object": "list", "data": [{"id": n, "object": "model", "owned_by": "tests"} for n in names]}
        )

    async def _embeddings(self, body: dict[str, Any], answer: Answer) -> None:
        state, configuration = self._state, self._state.configuration
        texts = body.get("input")
        texts = [texts] if isinstance(texts, str) else texts
        if not isinstance(texts, list) or not texts or not all(isinstance(t, str) and t for t in texts):
            raise Refusal(400, "input must be a string or a list of strings, none of them empty")
        state.stats.texts += len(texts)
        fault = state.fault_for("embeddings")
        kind = fault.kind if fault else ""
        content = embeddings_body(
            texts,
            model=body["model"],
            dimension=configuration.models.get(body["model"], configuration.dimension),
            coding=body.get("encoding_format", "float"),
            fault=kind,
        )
        await self._wait(fault, answer)
        if await _failed(fault, answer, quoted=texts[0]):
            return
        if configuration.max_batch is not None and len(texts) > configuration.max_batch:
            raise Refusal(413, f"batch size {len(texts)} is above the maximum of {configuration.max_batch}")
        longest = max(map(len, texts))
        if configuration.max_chars is not None and longest > configuration.max_chars:
            raise Refusal(400, f"This model reads {configuration.max_chars} characters, you sent {longest}")
        await answer.raw(content, cut=kind == "cut")
        state.stats.embedded += len(texts) * (kind in ("", "shuffled"))

    async def _chat(self, body: dict[str, Any], answer: Answer) -> None:
        configuration = self._state.configuration
        messages = body.get("messages")
        if not isinstance(messages, list) or not messages:
            raise Refusal(400, "messages must be a list with at least one message")
        if not configuration.takes_format and "response_format" in body:
            raise Refusal(400, "response_format is not supported by this model")
        if not configuration.takes_logprobs and "logprobs" in body:
            raise Refusal(400, "logprobs are not supported by this model")
        prompt = "\n".join(str(message.get("content")) for message in messages)
        fault = self._state.fault_for("chat")
        await self._wait(fault, answer)
        if await _failed(fault, answer, quoted=prompt):
            return
        kind = fault.kind if fault else ""
        weighed = weighed_labels(prompt, configuration.telling)
        text = max(weighed, key=weighed.__getitem__) if weighed else reply_to(prompt)
        text = text if configuration.reply is None else configuration.reply
        text = "" if kind == "empty" else text
        if not body.get("stream"):
            whole = _ERROR if kind == "error_in_stream" else completion(prompt, text, model=body["model"])
            await answer.raw(msgspec.json.encode(whole), cut=kind == "cut")
            return
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        told = weighed if body.get("logprobs") and configuration.tells_logprobs else {}
        chunks = completion_chunks(
            prompt, text, model=body["model"], usage=usage, size=configuration.chunk, weighed=told
        )
        if kind in ("cut", "error_in_stream"):
            chunks = chunks[: len(chunks) // 2] + ([_ERROR] if kind == "error_in_stream" else [])
        events = [msgspec.json.encode(chunk) for chunk in chunks]
        await answer.events(events, delay=configuration.chunk_delay, cut=kind == "cut")

    async def _wait(self, fault: Fault | None, answer: Answer) -> None:
        """Be as slow as a provider, whose latency includes the work, and each request by itself."""
        if fault is not None and fault.kind == "timeout":
            await answer.client_left()
            raise Cut
        ready = answer.begun + self._state.configuration.latency
        await asyncio.sleep(max(0.0, ready - asyncio.get_running_loop().time()))


async def _parsed(receive: Receive) -> dict[str, Any]:
    try:
        body = msgspec.json.decode(await read_body(receive))
    except msgspec.DecodeError as error:
        raise Refusal(400, f"the body is not JSON: {error}") from None
    if not isinstance(body, dict) or not isinstance(body.get("model"), str):
        raise Refusal(400, "you must provide a model parameter")
    return body


async def _failed(fault: Fault | None, answer: Answer, *, quoted: str) -> bool:
    """Answer as the failures that look alike at every endpoint do; others are left to the endpoint."""
    kind = fault.kind if fault else ""
    wait = fault.retry_after if fault else None
    headers = {} if wait is None else {"retry-after": f"{wait:g}"}
    if kind == "html_200":
        await answer.raw(_HTML, content_type="text/html")
    elif kind == "error_200":
        await answer.json(_ERROR)
    elif kind == "400":
        raise Refusal(400, f"this input cannot be processed: {quoted!r}")
    elif kind == "401":
        raise Refusal(401, "Incorrect API key provided", code="invalid_api_key")
    elif kind == "429":
        headers = headers or {"retry-after": "1"}
        raise Refusal(429, "Rate limit reached", code="rate_limit_exceeded", headers=headers)
    elif kind in ("500", "503"):
        raise Refusal(int(kind), "The server had an error", headers=headers)
    return kind in ("html_200", "error_200")
