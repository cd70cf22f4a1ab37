"""Whose names the service answers to, and what a web page of somebody else can do: nothing."""

import http.client
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.browser import NoBrowserError, visit
from tests.indexer.making import make_ticket, sentence
from tests.provider import Provider
from tests.service.conftest import MARK
from tests.service.running import JSON, Service, assert_problem, running_service

PATHS = ["/", "/docs", "/docs/openapi.json", "/docs/assets/start.js", "/health/live", "/metrics", "/v1/status", "/v1/tickets/t-1", "/nowhere"]  # fmt: skip
PORTAL = "https://portal.example"
KEY = "a-key-of-sixteen-or-more"


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Iterator[Service]:
    """A service for all addresses of the machine, with a name of its own and a portal that may ask."""
    with running_service(
        tmp_path_factory.mktemp("proxied") / "data",
        _provider_process,
        host="0.0.0.0",
        api_keys=KEY,
        allowed_hosts="support.example, tickets.example",
        cors_origins=PORTAL,
    ) as service:
        yield service


def port_of(service: Service) -> str:
    return service.url.rpartition(":")[2]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "203.0.113.9"]
)
def test_a_name_that_is_not_the_services_is_refused(service: Service, path: str, host: str) -> None:
    """A name that an attacker makes point here shows nothing, on no path; the remedy is told."""
    problem = assert_problem(service.http.get(path, headers={"Host": host}), 421)
    assert "PRECEDENT_ALLOWED_HOSTS" in problem["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:1", "127.0.0.1", "[::1]:8000", "localhost."])
def test_loopbacks_names_are(service: Service, host: str) -> None:
    """With any port: it is the name that cannot be forged."""
    assert service.http.get("/health/live", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host", ["localhost:99999999", "localhost:x", "[::1", "u@localhost", "localhost/a", ""]
)
def test_a_host_that_is_none_is_a_clients_error(service: Service, host: str) -> None:
    """It was a traceback in the log and a 500."""
    connection = http.client.HTTPConnection("127.0.0.1", int(port_of(service)), timeout=60)
    connection.putrequest("GET", "/v1/status", skip_host=True)
    connection.putheader("Host", host)
    connection.endheaders()
    assert connection.getresponse().status == 400
    connection.close()


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": "file://"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": PORTAL, "Sec-Fetch-Site": "cross-site"},
    ],
    ids=str,
)
def test_a_page_of_another_origin_is_refused(service: Service, path: str, headers: dict[str, str]) -> None:
    """Whatever it asks for, also what is not there; another port of the same host is another origin."""
    assert_problem(service.http.get(path, headers=headers), 403, about="PRECEDENT_CORS_ORIGINS")
    assert_problem(service.http.post(path, json={}, headers=headers), 403)


def test_the_services_own_pages_are_let_in(service: Service) -> None:
    """So are programs, which send neither header, and an address that was typed."""
    for headers in (
        {"Origin": service.url, "Sec-Fetch-Site": "same-origin"},
        {"Origin": service.url},
        {"Sec-Fetch-Site": "none"},
        {},
    ):
        assert service.http.get("/v1/status", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("path", "method"),
    [
        ("/v1/triage", "POST"),
        ("/v1/classify", "POST"),
        ("/v1/similar", "POST"),
        ("/v1/feedback", "POST"),
        ("/v1/tickets/batch", "POST"),
        ("/v1/tickets/typeless", "PUT"),
    ],
)
def test_a_body_says_what_it_is(service: Service, path: str, method: str) -> None:
    """A page can send one that says nothing, or is text or a form, without being asked; none of them is read."""
    body = json.dumps({"id": "typeless", "text": MARK, "priority": "low"}).encode()
    assert_problem(service.http.request(method, path, content=body), 415, about="Content-Type")
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        assert_problem(service.http.request(method, path, content=body, headers={"Content-Type": kind}), 415)
    assert_problem(service.http.get("/v1/tickets/typeless"), 404)


@pytest.mark.parametrize(
    "host", ["support.example", "tickets.example:443", "192.0.2.7:8000", "[2001:db8::7]", "localhost"]
)
def test_names_by_setting_and_numbers(proxied: Service, host: str) -> None:
    """Served on all addresses it answers to each of them: a number cannot be made to point elsewhere."""
    assert proxied.http.get("/health/live", headers={"Host": host}).status_code == 200
    assert_problem(
        proxied.http.get("/health/live", headers={"Host": f"evil.{host}"}), 400 if "[" in host else 421
    )


def test_behind_a_proxy_the_origin_is_the_name_that_it_passes_on(proxied: Service) -> None:
    """The proxy has taken TLS off, so schemes differ."""
    for host, origin, status in (
        ("support.example", "https://support.example", 200),
        ("support.example:8443", "https://support.example:8443", 200),
        ("support.example", "https://tickets.example", 403),
        ("support.example", "https://support.example:8443", 403),
    ):
        response = proxied.http.get("/health/live", headers={"Host": host, "Origin": origin})
        assert response.status_code == status, (host, origin)


def test_a_portals_page_may_ask_by_setting(proxied: Service) -> None:
    """Its browser asks first, is told what may be sent, and may then read the answer; errors too."""
    asks = {
        "Origin": PORTAL,
        "Sec-Fetch-Site": "cross-site",
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,content-type",
    }
    allowed = proxied.http.options("/v1/tickets/cors", headers=asks)
    assert allowed.status_code == 204
    assert allowed.headers["access-control-allow-origin"] == PORTAL
    assert "PUT" in allowed.headers["access-control-allow-methods"]
    assert "authorization" in allowed.headers["access-control-allow-headers"].lower()
    assert "access-control-allow-credentials" not in allowed.headers
    headers = {"Origin": PORTAL, "Sec-Fetch-Site": "cross-site"}
    refused = proxied.http.get("/v1/status", headers=headers)
    assert_problem(refused, 401)
    answer = proxied.http.get("/v1/status", headers=headers | {"Authorization": f"Bearer {KEY}"})
    assert answer.status_code == 200
    assert (
        answer.headers["access-control-allow-origin"]
        == refused.headers["access-control-allow-origin"]
        == PORTAL
    )
    assert_problem(proxied.http.get("/v1/status", headers={"Origin": f"{PORTAL}.evil.example"}), 403)


@pytest.mark.parametrize(
    "path", ["/docs/assets/%00", "/docs/assets/..%2f..%2fetc%2fpasswd", "/docs/%00", "/%00", "/health/%00"]
)
def test_a_path_that_is_none_is_not_found(service: Service, path: str) -> None:
    """It was a traceback in the log and a 500."""
    assert service.http.get(path).status_code == 404


_PAGE = """<!doctype html><title>waiting</title><iframe name="hole"></iframe><form id="form" method="post" target="hole"
enctype="text/plain"></form><script>
const target = TARGET, said = {};
const body = id => JSON.stringify([{id, text: "EVIL ticket " + id, priority: "csrf-label", resolution: "go to evil"}]);
const tell = JSON.stringify({ticket_id: "t-1", action: "edited", priority: "high"});
async function tried(name, action) {
  try { const r = await action(); said[name] = r && r.text ? [r.type, r.status, (await r.text()).slice(0, 200)] : String(r); }
  catch (error) { said[name] = "refused: " + error; }
}
(async () => {
  const post = (path, body, more) => fetch(target + path, {method: "POST", body, ...more});
  await tried("blob", () => post("/v1/tickets/batch", new Blob([body("blob")]), {mode: "no-cors"}));
  await tried("typed", () => post("/v1/tickets/batch", new Blob([body("typed")], {type: "text/plain"}), {mode: "no-cors"}));
  await tried("feedback", () => post("/v1/feedback", new Blob([tell]), {mode: "no-cors"}));
  await tried("beacon", () => navigator.sendBeacon(target + "/v1/tickets/batch", new Blob([body("beacon")])));
  await tried("cors", () => post("/v1/tickets/batch", body("cors"), {headers: {"Content-Type": "application/json"}}));
  await tried("put", () => fetch(target + "/v1/tickets/put", {method: "PUT", body: '{"text": "EVIL"}',
    headers: {"Content-Type": "application/json"}}));
  await tried("delete", () => fetch(target + "/v1/tickets/t-2", {method: "DELETE"}));
  await tried("read", () => fetch(target + "/v1/tickets/t-1"));
  await tried("opaque", () => fetch(target + "/v1/tickets/t-1", {mode: "no-cors"}));
  const form = document.getElementById("form"), field = document.createElement("input");
  form.action = target + "/v1/tickets/batch";
  field.name = '[{"id": "form", "text": "EVIL", "priority": "csrf-label", "tags": ["'; field.value = '"]}]';
  form.append(field); form.submit();
  await new Promise(done => setTimeout(done, 2000));
  await fetch("/report", {method: "POST", body: JSON.stringify(said)});
  document.title = "done";
})();
</script>"""


@contextmanager
def evil_page(target: str) -> Iterator[tuple[str, list[dict[str, object]]]]:
    """Serve a page that tries everything on the target, from loopback itself; yield its address and its reports."""
    reports: list[dict[str, object]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(_PAGE.replace("TARGET", json.dumps(target)).encode())

        def do_POST(self) -> None:
            reports.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/", reports
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.mark.slow
def test_in_a_real_browser_a_page_of_another_origin_stores_and_reads_nothing(
    data_dir: Path, provider: Provider
) -> None:
    """Fetch, form and beacon, from another port of loopback and from another name: it is the service that refuses.

    Chromium's own protection, Local Network Access, does not stop pages that come from loopback themselves.
    """
    with running_service(data_dir, provider) as service:
        service.store([make_ticket(n, priority="low") for n in range(5)])
        before = service.status()["index"]["tickets"]
        with evil_page(service.url) as (address, reports):
            for seen in (address, address.replace("127.0.0.1", "evil.example")):
                try:
                    visit(seen, names={"evil.example": "127.0.0.1"})
                except NoBrowserError as error:
                    pytest.skip(f"not tried in a browser: {error}")
        assert len(reports) == 2, "the page did not run to its end"
        for said in reports:
            assert len(said) == 9
            assert said["beacon"] == "true", "the beacon was not even sent"
            assert said["blob"] == ["opaque", 0, ""], "the request was not even sent"
            assert not [
                name for name in ("cors", "put", "delete", "read") if "refused" not in str(said[name])
            ], said
            assert sentence(1) not in json.dumps(said)
        assert service.status()["index"]["tickets"] == before
        for ticket_id in ("blob", "typed", "beacon", "cors", "put", "form"):
            assert_problem(service.http.get(f"/v1/tickets/{ticket_id}"), 404)
        assert service.http.get("/v1/tickets/t-1").json()["priority"] == "low"
        assert service.http.get("/v1/tickets/t-2").status_code == 200


@pytest.mark.slow
def test_in_a_real_browser_a_name_made_to_point_here_shows_nothing(service: Service) -> None:
    """DNS rebinding: the page has the service's own origin then, and all that gives it away is its name."""
    port = port_of(service)
    try:
        rebound = visit(f"http://rebind.example:{port}/v1/tickets/t-1", names={"rebind.example": "127.0.0.1"})
    except NoBrowserError as error:
        pytest.skip(f"not tried in a browser: {error}")
    assert sentence(1) not in rebound.dom
    assert "PRECEDENT_ALLOWED_HOSTS" in rebound.dom
    own = visit(f"http://localhost:{port}/v1/tickets/t-1")
    assert sentence(1) in own.dom, "the service's own name shows it"


def test_without_a_setting_no_answer_speaks_of_origins(service: Service) -> None:
    """No header of CORS is sent."""
    answer = service.http.get("/v1/status", headers={"Origin": service.url} | JSON)
    assert not [name for name in answer.headers if name.startswith("access-control")]
