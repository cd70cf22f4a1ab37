"""Fixtures that tests of several packages share."""

import gc
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from filelock import FileLock

from indexer.settings import Settings
from tests.leftovers import assert_nothing_runs, running
from tests.postgres import NoPostgresError, Postgres, running_postgres
from tests.provider import Provider


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Have no garbage looked for among what is imported and collected: it stays to the end, and there is much of it."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.collect()
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no worker is left alone with one at the end.

    The very first makes the sample; other files that need it would wait for that, and come after the other long ones.
    """
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    with_sample = {item.path: None for item in items if "indexed_sample" in getattr(item, "fixturenames", ())}
    first = next((path for path in with_sample if path in slow), None)
    items.sort(
        key=lambda item: (
            item.path != first,
            item.path not in slow,
            (item.path in slow) == (item.path in with_sample),
        )
    )


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """One PostgreSQL server for the whole run."""
    try:
        with running_postgres() as server:
            yield server
    except NoPostgresError as error:
        pytest.skip(f"not tested on PostgreSQL: {error}")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> str | None:
    """An empty ledger's address, on each database in turn; ``None`` is SQLite in the data directory."""
    if request.param == "sqlite":
        return None
    server: Postgres = request.getfixturevalue("postgres")
    return server.new_database()


@pytest.fixture
def data_dir(tmp_path: Path) -> Iterator[Path]:
    """A data directory that no process may use any more when the test is over."""
    path, older = tmp_path / "data", running()
    yield path
    assert_nothing_runs(path, older=older)


@pytest.fixture(scope="session")
def _provider_process() -> Iterator[Provider]:
    with Provider.start() as running:
        yield running


@pytest.fixture
def provider(_provider_process: Provider) -> Iterator[Provider]:
    """The stand-in for the provider, 64 dimensions, as if just started."""
    _provider_process.reset()
    yield _provider_process
    _provider_process.clear()


@pytest.fixture
def settings(data_dir: Path, provider: Provider) -> Settings:
    """Settings of a store of its own, embedded by the stand-in."""
    return Settings(data_dir=data_dir, api_base=provider.url)


def _made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a data directory that is made once a run, by the first worker that needs it."""
    base = factory.getbasetemp()
    folder = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base  # which all workers share
    made = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not made.exists():
            making = base / f"making-{name}" / "data"
            make(making)
            making.rename(made)
    return made


@pytest.fixture(scope="session")
def indexed_sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with the bundled sample and its forest, to be copied."""
    from tests.service.running import index_sample

    return _made_once(tmp_path_factory, "sample", index_sample)


@pytest.fixture(scope="session")
def fitted(tmp_path_factory: pytest.TempPathFactory, _provider_process: Provider) -> Path:
    """A data directory with sixty tickets of the stand-in's space and their forest, to be copied."""
    from tests.service.running import fit_sixty

    return _made_once(tmp_path_factory, "fitted", lambda data_dir: fit_sixty(data_dir, _provider_process))


@pytest.fixture
def sample_dir(data_dir: Path, indexed_sample: Path) -> Path:
    """A data directory with the bundled sample, as `precedent sample` indexes it, and its forest."""
    shutil.copytree(indexed_sample, data_dir)
    return data_dir


@pytest.fixture
def fitted_dir(data_dir: Path, fitted: Path) -> Path:
    """A data directory with tickets ``t-0`` … ``t-59``, as a portal stored them, and their forest."""
    shutil.copytree(fitted, data_dir)
    return data_dir
