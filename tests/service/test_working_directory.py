"""The service is started in any folder, and keeps its data there."""

from pathlib import Path

import service as package
from tests.indexer.making import make_tickets
from tests.provider import Provider
from tests.service.running import running_service


def test_relative_paths_are_those_of_the_folder_it_was_started_in(data_dir: Path, provider: Provider) -> None:
    """Also for the child that fits the forest, which runs beside the code: it makes no ledger there."""
    folder = data_dir.parent / "elsewhere"
    (folder / "kept").mkdir(parents=True)
    beside_the_code = Path(package.__file__).parents[1]
    before = {path.name for path in beside_the_code.iterdir()}
    with running_service(
        folder / "stored", provider, DATA_DIR="stored", DATABASE_URL="sqlite:///kept/tickets.sqlite3"
    ) as service:
        service.store(make_tickets(60))
        service.wait_for_forest()
    assert (folder / "kept" / "tickets.sqlite3").exists()
    assert list((folder / "stored" / "forests").glob("*.npz"))
    assert {path.name for path in beside_the_code.iterdir()} == before
