"""The README names every file of a data directory, and what is not the truth can be deleted as it says."""

import contextlib
import re
import shutil
from fnmatch import fnmatch
from pathlib import Path

from indexer.settings import Settings
from tests.indexer.chroma.users import endpoint_of, kill
from tests.indexer.command import run_command
from tests.indexer.making import make_tickets, sentence
from tests.provider import Provider
from tests.service.running import JSON, Service, running_service

_README = Path(__file__).parents[2] / "README.md"
_MAY_GO = ("stopped", "always")


def _table() -> dict[str, str]:
    """Return whether each file may be deleted, by its name or pattern, as the README says."""
    lines = _README.read_text().splitlines()
    start = lines.index("| file | what it is | whose | may it be deleted |") + 2
    found = {}
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        names, _, _, deleted = (cell.strip() for cell in line.strip("|").split(" | "))
        found.update(dict.fromkeys(re.findall(r"`([^`]+)`", names), deleted))
    return found


def _finds(service: Service, number: int) -> bool:
    return bool(service.answer("/v1/similar", text=sentence(number))["neighbours"][0]["id"] == f"t-{number}")


def test_the_readme_names_every_file(settings: Settings, fitted_dir: Path, provider: Provider) -> None:
    """A store that was written to, crashed, damaged, verified, erased from and rebuilt has no other; most can go."""
    table, data_dir = _table(), fitted_dir
    with running_service(data_dir, provider) as service:
        service.store(make_tickets(20, start=60, priority=None))
        large = service.http.post("/v1/tickets/batch", content=b"[" + b"1," * 1_000 + b"1]", headers=JSON)
        assert large.status_code == 202, large.text
        kill(endpoint_of(data_dir)["server_pid"])
        service.until(lambda: service.post("/v1/similar", text="again").status_code == 200, "it is back")
        seen = {path.name for path in data_dir.iterdir()}
        service.process.kill()
        service.process.wait()
    run_command(settings, "stop")
    (data_dir / "index" / "chroma.sqlite3").write_bytes(b"no database" * 1_000)
    for words in (["verify", "--repair"], ["rebuild"], ["forget", "t-7"]):
        run_command(settings, *words)
        seen |= {path.name for path in data_dir.iterdir()}
    unnamed = {name for name in seen if not any(fnmatch(name, pattern) for pattern in table)}
    assert unnamed == set()
    assert {"ledger.sqlite3", "index", "jobs", "chroma.log", "forests"} <= seen
    run_command(settings, "stop")
    for path in data_dir.iterdir():
        deleted = next(said for pattern, said in table.items() if fnmatch(path.name, pattern))
        if deleted.startswith(_MAY_GO):
            with contextlib.suppress(NotADirectoryError):
                shutil.rmtree(path)
            path.unlink(missing_ok=True)
    with running_service(data_dir, provider) as service:
        assert service.status()["index"]["tickets"] == 79
        assert _finds(service, 44)
