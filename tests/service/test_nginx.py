"""The service behind Debian's nginx, set as the README says."""

import os
import re
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import msgspec
import pytest

from indexer.ticket import Ticket
from tests.free_port import free_port
from tests.indexer.making import make_tickets, sentence
from tests.provider import Provider
from tests.service.running import JSON, Service, assert_problem, read_events, running_service

_README = Path(__file__).parents[2] / "README.md"
_NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")
_HOST = "support.example.com"
_AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {server}
}}
"""

pytestmark = pytest.mark.skipif(
    _NGINX is None or shutil.which("openssl") is None,
    reason="nginx and openssl are not installed (Debian: apt install nginx-light openssl)",
)


@pytest.fixture
def behind(tmp_path: Path, provider: Provider) -> Iterator[tuple[Service, httpx.Client]]:
    """A service, and a client that asks it through nginx, by TLS and under a prefix."""
    with running_service(tmp_path / "data", provider, allowed_hosts=_HOST) as service:
        service.store(make_tickets(20, priority=None))
        folder = tmp_path / "nginx"
        folder.mkdir()
        port = free_port()
        process = _start(folder, port, service)
        trust = ssl.create_default_context(cafile=str(folder / "support.pem"))
        address = f"https://127.0.0.1:{port}/precedent"
        headers = {"Host": f"{_HOST}:{port}"}
        extensions = {"sni_hostname": _HOST}
        with httpx.Client(base_url=address, headers=headers, verify=trust, timeout=120.0) as client:
            client.event_hooks["request"].append(lambda request: request.extensions.update(extensions))
            try:
                service.until(lambda: client.get("/health/live").status_code == 200, "nginx answers")
                yield service, client
            finally:
                process.terminate()
                process.wait(60)


def test_it_works_as_the_readme_says(behind: tuple[Service, httpx.Client], provider: Provider) -> None:
    """The prefix, a streamed draft piece by piece, a large body, and whose request it is."""
    service, client = behind
    assert client.get("/health/ready").json()["status"] == "ready"
    page = client.get("/docs")
    assert page.status_code == 200
    script = re.search(r'src="([^"]+\.js)"', page.text)
    assert script
    assert client.get(str(page.url.join(script[1]))).status_code == 200
    own = {"Origin": f"https://{client.headers['Host']}", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/v1/similar", json={"text": sentence(3)}, headers=own).status_code == 200
    foreign = client.post(
        "/v1/similar", json={"text": sentence(3)}, headers={"Origin": "https://evil.example"}
    )
    assert_problem(foreign, 403)
    assert re.fullmatch(r"[0-9a-f]{32}", client.get("/health/live").headers["x-request-id"])

    provider.configure(chunk_delay=0.3)
    accept = {"Accept": "text/event-stream"}
    with client.stream("POST", "/v1/triage", json={"text": sentence(3)}, headers=accept) as response:
        assert response.status_code == 200
        came = [(event.name, time.monotonic()) for event in read_events(response)]
    names = [name for name, _ in came]
    assert names[0] == "triage"
    assert names[-1] == "done"
    # All at once would be what a buffering proxy makes of it.
    assert came[-1][1] - came[0][1] > 0.3

    few = [Ticket(id=f"large-{n}", text=f"large {n} " + "word " * 20_000) for n in range(30)]
    body = msgspec.json.encode(few)
    assert len(body) > 2_500_000  # more than nginx takes unless it is told to
    response = client.post("/v1/tickets/batch", content=body, headers=JSON)
    assert (response.status_code, response.json()["added"]) == (200, len(few)), response.text
    assert service.status()["index"]["tickets"] == 20 + len(few)


def _start(folder: Path, port: int, service: Service) -> "subprocess.Popen[bytes]":
    certificate, key = folder / "support.pem", folder / "support.key"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={_HOST}"),
            *("-addext", f"subjectAltName=DNS:{_HOST}", "-out", str(certificate), "-keyout", str(key)),
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    shown = re.search(r"```nginx\n(.+?)```", _README.read_text(), re.DOTALL)
    assert shown
    server = shown[1]
    for there, here in (
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("/etc/ssl/support.pem", str(certificate)),
        ("/etc/ssl/support.key", str(key)),
        ("http://127.0.0.1:8000/", f"{service.url}/"),
    ):
        assert server.count(there) == 1, there
        server = server.replace(there, here)
    settings = folder / "nginx.conf"
    # Started by root, its workers would be of a user who may not read this folder.
    user = "user root;" if os.geteuid() == 0 else ""
    settings.write_text(_AROUND.format(user=user, folder=folder, server=server))
    assert _NGINX
    return subprocess.Popen([_NGINX, "-e", str(folder / "error.log"), "-p", str(folder), "-c", str(settings)])
