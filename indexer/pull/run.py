"""Pull from a helpdesk and store what changed, so that a run that ends anywhere is continued by the next one."""

import re
from asyncio import to_thread
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import msgspec

from indexer.durable import write_durably
from indexer.errors import SourceError
from indexer.pull.address import Address
from indexer.pull.helpdesks import Cursor, Page, pages
from indexer.sources import SourceRecord, read_document
from indexer.sync import Run, SyncReport, sync

__all__ = ["pull", "pull_file", "pulled"]

_BATCH = 500  # tickets that are stored together: enough for full requests to the provider
_UNSAFE = re.compile(r"[^a-z0-9.-]+")
_FOLDER = "pulls"


def pull_file(data_dir: Path, address: Address, ending: str) -> Path:
    """Return a file that is kept of an address: where its next pull goes on, or the records that it rejected."""
    folder = data_dir / _FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    return folder / (_UNSAFE.sub("-", address.text.casefold()).strip("-") + ending)


async def pull(run: Run, address: Address, *, file: Path, tell: Callable[[str], None]) -> SyncReport:
    """Store what changed in a helpdesk since the last pull.

    Tickets are stored in batches, and after each the file is told where to go on: a run that is killed costs one batch
    that is asked for again, and is found unchanged.

    :param file: what is kept between runs.
    :param tell: told of waits, in words.
    :raises SourceError: the helpdesk refuses, or does not answer; what came before is stored.
    :raises ProviderError: texts could not be embedded; the batches before are stored.
    """
    batches = _batches(pages(address, _kept(file), tell))
    while (batch := await to_thread(next, batches, None)) is not None:
        records = (record for page in batch for record in _records(page, address))
        await sync(replace(run), records)  # a pass of its own, counted in the same report
        await to_thread(write_durably, file, msgspec.json.encode(batch[-1].cursor))
    return run.report


def pulled(address: Address, *, file: Path, tell: Callable[[str], None]) -> Iterator[SourceRecord]:
    """Yield the records that `pull` would store; nothing is kept of where it would go on.

    :raises SourceError: as `pull`.
    """
    for page in pages(address, _kept(file), tell):
        yield from _records(page, address)


def _batches(found: Iterator[Page]) -> Iterator[list[Page]]:
    batch: list[Page] = []
    size = 0
    for page in found:
        batch.append(page)
        size += len(page)
        if size >= _BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _records(page: Page, address: Address) -> Iterator[SourceRecord]:
    return read_document(msgspec.json.encode(page.document), address.tool)


def _kept(file: Path) -> Cursor:
    try:
        return msgspec.json.decode(file.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return {}
    except (OSError, msgspec.MsgspecError):
        msg = f"{file} cannot be read: delete it, and the next pull asks for everything again"
        raise SourceError(msg) from None
