"""What an operator needs: health, status, metrics, and documentation that asks nobody else."""

import re
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

from tests.indexer.making import sentence
from tests.provider import Provider
from tests.service.conftest import MARK, SEEDS
from tests.service.running import Service

_ROOT = Path(__file__).parents[2]


def sample(service: Service, name: str, **labels: str) -> float:
    """Return a sample of ``/metrics``, 0 when it is not there yet."""
    for line in service.http.get("/metrics").text.splitlines():
        found = re.fullmatch(r"(\w+)(?:\{(.*)\})? (\S+)", line)
        if found and found[1] == name and dict(re.findall(r'(\w+)="([^"]*)"', found[2] or "")) == labels:
            return float(found[3])
    return 0.0


def requests(service: Service, path: str, status: int) -> float:
    """Return how many requests to a path were answered with a status."""
    labels = {"method": "POST", "path": path, "status_code": str(status), "app_name": "precedent"}
    return sample(service, "precedent_requests_total", **labels)


def test_health(service: Service) -> None:
    """Alive and ready are two questions; the second says what is being done."""
    assert service.http.get("/health/live").json()["status"] == "live"
    ready = service.http.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"status": "ready", "stage": "ready"})


def test_status_says_what_is_served(service: Service) -> None:
    """The live generation, the forest with its report, and the models."""
    status = service.status()
    assert status["ready"] is True
    index = status["index"]
    assert index["tickets"] >= SEEDS
    assert (index["embedding_model"], index["embedder"], index["dimension"]) == ("bge-large", "hosted", 64)
    assert index["pending"] == 0
    assert -1.3 < index["similarity_floor"] < 1.3
    assert set(status["forest"]["report"]["labels"]) >= {"low", "medium", "high"}
    assert status["chat_model"] == "llama-3.3-70b"


def test_metrics_count_requests_by_grouped_path(service: Service) -> None:
    """No id of a ticket becomes a label, so that their number stays bounded."""
    before = requests(service, "/v1/classify", 200), requests(service, "/v1/classify", 422)
    service.answer("/v1/classify", text=f"{MARK} metrics")
    service.post("/v1/classify")
    assert requests(service, "/v1/classify", 200) == before[0] + 1
    assert requests(service, "/v1/classify", 422) == before[1] + 1
    service.http.get("/v1/tickets/t-metrics")
    text = service.http.get("/metrics").text
    assert 'path="/v1/tickets/{ticket_id}"' in text
    assert "t-metrics" not in text


def test_metrics_tell_what_answers_were_made_of(service: Service, provider: Provider) -> None:
    """Drafts by source, decisions, requests to the provider and tickets written are counted."""

    def counts() -> dict[str, float]:
        return {
            "llm": sample(service, "precedent_drafts_total", source="llm", degraded="no"),
            "quoted": sample(service, "precedent_drafts_total", source="extractive", degraded="yes"),
            "none": sample(service, "precedent_drafts_total", source="none", degraded="yes"),
            "decisions": sum(
                sample(service, "precedent_decisions_total", decision=d, field="priority")
                for d in ("automatic", "review")
            ),
            "embeddings": sample(service, "precedent_provider_requests_total", endpoint="embeddings"),
            "chat": sample(service, "precedent_provider_requests_total", endpoint="chat"),
            "written": sample(service, "precedent_tickets_written_total", outcome="added"),
            "rejected": sample(service, "precedent_tickets_written_total", outcome="rejected"),
        }

    before = counts()
    service.answer("/v1/triage", text=f"{sentence(41)} {MARK} counted")
    service.answer("/v1/triage", text="bilby echidna wombat")
    provider.fail("401", endpoint="chat")
    service.answer("/v1/triage", text=sentence(41))
    service.http.post("/v1/tickets/batch", json=[{"id": "counted", "text": f"{MARK} stored"}, {}])
    after = counts()
    assert {name: after[name] - before[name] for name in after} == {
        "llm": 1, "quoted": 1, "none": 1, "decisions": 3, "embeddings": 3, "chat": 2, "written": 1, "rejected": 1
    }  # fmt: skip
    assert sample(service, "precedent_ready") == 1
    assert sample(service, "precedent_tickets") >= SEEDS


def test_the_documentation_asks_nobody_else(service: Service) -> None:
    """Its page and style name no other host, and everything that they name is served here."""
    page = service.http.get("/docs", follow_redirects=True)
    assert page.status_code == 200
    assert "text/html" in page.headers["content-type"]
    named = re.findall(r"""(?:src|href)\s*=\s*["']([^"']+)""", page.text)
    named += re.findall(r"""url\(\s*["']?([^"')]+)""", page.text)
    assert len(named) >= 3
    for name in named:
        if name.startswith("data:"):
            continue
        address = urljoin(str(page.url), name)
        assert address.startswith(service.url), name
        asset = service.http.get(address)
        assert asset.status_code == 200, name
        if name.endswith(".css"):
            assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", asset.text)
    assert not re.search(r"https?://(?!127\.0\.0\.1)", re.sub(r"\{.*\}", "", page.text, flags=re.DOTALL))


def test_the_schema_documents_every_route_and_its_errors(service: Service) -> None:
    """Every answer below ``/v1`` has a schema, every error is a problem, and the stream is there."""
    schema = service.http.get("/docs/openapi.json").json()
    paths: dict[str, dict[str, Any]] = schema["paths"]
    problem = {"$ref": "#/components/schemas/Problem"}
    for path, methods in paths.items():
        for method, operation in methods.items():
            assert operation["summary"], (method, path)
            if not path.startswith("/v1/"):
                continue
            assert operation["description"], (method, path)
            assert operation["security"] in [[{}, {"key": [scope]}] for scope in ("ask", "write", "admin")]
            responses = operation["responses"]
            good = (responses.get("200") or responses["202"])["content"]
            form = {"events": "text/event-stream", "rejected": "application/x-ndjson"}.get(
                path.rpartition("/")[2], "application/json"
            )
            assert good[form]["schema"], (method, path)
            assert {"401", "503"} <= set(responses)
            for status, response in responses.items():
                if status not in ("200", "202"):
                    assert response["content"] == {"application/problem+json": {"schema": problem}}
            if method in ("post", "put"):
                sent = "application/octet-stream" if path == "/v1/uploads" else "application/json"
                assert operation["requestBody"]["content"][sent]["schema"], (method, path)
                assert {"400", "413", "415", "422"} <= set(responses)
    triage = paths["/v1/triage"]["post"]["responses"]["200"]["content"]
    assert triage["application/json"]["schema"] == {"$ref": "#/components/schemas/Triage"}
    assert "token" in triage["text/event-stream"]["schema"]["description"]
    assert "application/x-ndjson" in paths["/v1/tickets/batch"]["post"]["requestBody"]["content"]
    key = schema["components"]["securitySchemes"]["key"]
    assert (key["type"], key["scheme"]) == ("http", "bearer")
    assert all(f"`{scope}`" in key["description"] for scope in ("ask", "write", "admin"))
    references = set(re.findall(r'"#/components/schemas/(\w+)"', service.http.get("/docs/openapi.json").text))
    assert references <= set(schema["components"]["schemas"])


def test_the_readme_lists_every_route(service: Service) -> None:
    """Its table of the interface has what the schema has."""
    readme = (_ROOT / "README.md").read_text()
    for path in service.http.get("/docs/openapi.json").json()["paths"]:
        assert re.sub(r"\{\w+_id\}", "{id}", f"{path}`") in readme, path
