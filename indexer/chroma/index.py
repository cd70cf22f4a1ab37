"""The index: collections in Chroma, in a server process only: through `HttpClient`, and for questions by `QuickQueries`."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.chroma.failures import MissingCollectionError
from indexer.chroma.quick_query import QuickQueryError
from indexer.chroma.reconnecting import Connection, Connections
from indexer.chroma.server import Endpoint, LocalServer
from indexer.embedding import Matrix
from indexer.errors import SpaceMismatchError
from indexer.ledger import Generation, IndexEntry
from indexer.settings import Settings

__all__ = ["HNSW", "Index", "Row"]

_PAGE = 5_000  # more rows in one `get` exceed SQLite's variables
_VECTOR_PAGE = 1_000
_BEAT_SECONDS = 5.0
_UPSERT_BYTES = 24 * 2**20  # Chroma refuses a request above 40 MiB
_FLOAT_BYTES = 24  # of one number in JSON, at most
_TEXT_WEIGHT = 10  # Chroma indexes every three letters of a text: about 0.3 MB/s, so that 2 MB take seconds
HNSW = {"space": "cosine", "ef_construction": 200, "ef_search": 200, "max_neighbors": 32}


@dataclass(frozen=True, slots=True)
class Row:
    """A row as it is stored."""

    id: str
    text: str
    priority: str | None
    resolution: str | None
    text_hash: str


class Index:
    """The collections of a ledger. Methods block, may be called from any thread, and are bounded in time."""

    def __init__(self, settings: Settings, ledger_id: str) -> None:
        self._settings = settings
        self._ledger_id = ledger_id
        self._server = None if settings.chroma_url else LocalServer(settings.data_dir)
        self.is_yours = self._server is None
        """Whether its server is the one that settings name, which nobody here can start."""
        self._connections = Connections(settings, self._server)
        self.connect, self.close = self._connections.open, self._connections.close

    @property
    def connection(self) -> int:
        """The number of the connection that calls use now; each new one has a higher number, and 0 is none."""
        connection = self._connections.current
        return connection.number if connection else 0

    @property
    def endpoint(self) -> Endpoint | None:
        """The local server that is connected to."""
        connection = self._connections.current
        return connection.endpoint if connection else None

    def heartbeat(self) -> None:
        """Ask the server whether it runs.

        :raises IndexUnavailableError: it does not.
        :raises SlowIndexError: it does not answer within seconds.
        """
        from indexer.chroma.client import within

        with within(_BEAT_SECONDS), self._connections.used() as connection:
            connection.client.heartbeat()

    def put_aside(self, run: str | None, reason: str) -> bool:
        """Have the damaged local index that a run of the server used put aside.

        :return: whether that is possible: it is not on a server of your own.
        """
        if self._server is None or run is None:
            return False
        self._server.put_aside(run, reason)
        return True

    def crash_of(self, run: str | None) -> str | None:
        """Return how the local server of the run crashed by itself, ``None`` when it runs or was ended from outside."""
        return self._server.crash_of(run) if self._server and run else None

    def note_checked(self) -> None:
        """Let other users know, and the supervisor: files that nobody checked are not kept as sound."""
        if self._server and self.endpoint:
            self._server.note_checked(self.endpoint.run)

    @property
    def suspect(self) -> bool:
        """Whether a local server was not stopped in order, and nobody has checked its files since."""
        endpoint = self.endpoint
        return (
            self._server is not None
            and endpoint is not None
            and not endpoint.clean
            and not self._server.was_checked(endpoint.run)
        )

    def create(self, generation: Generation) -> None:
        """Make the generation's collection if it is not there, and refuse one that is not ours.

        :raises SpaceMismatchError: a collection of that name has another space, or is another ledger's.
        """
        wanted = self._metadata(generation)
        with self._connections.used() as connection:
            collection = connection.client.get_or_create_collection(
                generation.name, metadata=wanted, configuration={"hnsw": HNSW}, embedding_function=None
            )
            self._check(generation, collection.metadata or {})
            connection.collections[generation.name] = collection

    def drop(self, name: str) -> None:
        """Delete a collection, if it is there."""
        from indexer.chroma.client import PATIENT_SECONDS, within

        patiently = within(PATIENT_SECONDS, whatever_set=True)
        with contextlib.suppress(MissingCollectionError), patiently, self._connections.used() as connection:
            connection.collections.pop(name, None)
            connection.client.delete_collection(name)

    def write(self, generation: Generation, entries: Sequence[IndexEntry], vectors: Matrix) -> None:
        """Store the entries with a ticket, whose vectors are the rows of the matrix, and delete the others.

        A row is never given another vector in place, since chromadb 1.5.9 may lose such rows in its graph
        (chroma-core/chroma#7758): it is deleted and made anew. One whose vector stays is not touched in the graph.
        """
        with self._collection(generation) as collection:
            found = collection.get(ids=[entry.id for entry in entries], include=["metadatas", "documents"])
            there = {row.id: (row.text_hash, row.text) for row in _rows_in(found)}
            wanted = {
                Row(
                    entry.id, ticket.text, ticket.priority, ticket.resolution, entry.text_hash
                ): entry.position
                for entry in entries
                if (ticket := entry.ticket) is not None
            }
            same = [row for row in wanted if there.get(row.id) == (row.text_hash, row.text)]
            placed = {row.id for row in same}
            if gone := [ticket_id for ticket_id in there if ticket_id not in placed]:
                collection.delete(ids=gone)
            for part in _parts([row for row in wanted if row.id not in placed], vectors.shape[1]):
                collection.upsert(
                    ids=[row.id for row in part],
                    embeddings=vectors[[wanted[row] for row in part]],
                    documents=[row.text for row in part],
                    metadatas=_metadata_of(part),
                )
            if same:
                collection.update(ids=[row.id for row in same], metadatas=_metadata_of(same))

    def ids_near(
        self, generation: Generation, vector: NDArray[np.float32], limit: int, *, patience: float
    ) -> list[str]:
        """Return the ids of the rows nearest to the vector, nearest first, at most ``limit``.

        :param patience: seconds to wait for an answer, where that is less than the time-out.
        """
        from indexer.chroma.client import within

        with within(patience), self._collection_of(generation) as (connection, collection):
            if connection.quick is not None:
                seconds = min(patience, self._settings.chroma_timeout)
                with contextlib.suppress(QuickQueryError):
                    return connection.quick.ids_near(collection, vector, limit, seconds=seconds)
            found = collection.query(query_embeddings=[vector], n_results=limit, include=[])
        (ids,) = found["ids"]
        return list(ids)

    def nearest_ids(
        self, generation: Generation, vectors: Matrix, limit: int = 10
    ) -> list[list[tuple[str, float]]]:
        """Return, for each vector, the ids of the nearest rows, at most ``limit``, and their cosines."""
        with self._collection(generation) as collection:
            found = collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
        return [
            [(ticket_id, 1.0 - distance) for ticket_id, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"], strict=True)
        ]

    def count(self, generation: Generation) -> int:
        """Return the number of rows."""
        with self._collection(generation) as collection:
            return int(collection.count())

    def hashes(self, generation: Generation) -> dict[str, str]:
        """Return every row's id and the hash of the text that its vector is of."""
        return {
            ticket_id: (metadata or {}).get("text_hash", "")
            for page in self._pages(generation, ["metadatas"], _PAGE)
            for ticket_id, metadata in zip(page["ids"], page["metadatas"], strict=True)
        }

    def ids(self, generation: Generation) -> Iterator[str]:
        """Yield every row's id."""
        for page in self._pages(generation, [], _PAGE):
            yield from page["ids"]

    def rows(
        self, generation: Generation, ids: Sequence[str] | None = None
    ) -> Iterator[tuple[list[Row], Matrix]]:
        """Yield rows as they are stored, all or those of the ids (at most 500), and their vectors, page by page."""
        for page in self._pages(generation, ["metadatas", "documents", "embeddings"], _VECTOR_PAGE, ids):
            yield _rows_in(page), np.asarray(page["embeddings"], dtype=np.float32)

    def delete(self, generation: Generation, ids: Sequence[str]) -> None:
        """Delete rows, which the ledger may still have: it must be noted that they are pending."""
        with self._collection(generation) as collection:
            collection.delete(ids=list(ids))

    def unknown_collections(self, known: Sequence[Generation]) -> list[str]:
        """Return the names of collections that are this ledger's, but of none of its generations."""
        names = {generation.name for generation in known}
        with self._connections.used() as connection:
            return [
                collection.name
                for collection in connection.client.list_collections()
                if collection.name not in names
                and (collection.metadata or {}).get("ledger") == self._ledger_id
            ]

    def compact(self) -> bool:
        """Restart a local server so that nothing deleted stays in its files; return whether it is local.

        :raises IndexUnavailableError: it did not come up again.
        """
        if self._server is None:
            return False
        self._server.compact()
        self.connect()
        return True

    def _pages(
        self, generation: Generation, include: list[str], size: int, ids: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        wanted = None if ids is None else list(ids)
        offset = 0
        while True:
            with self._collection(generation) as collection:
                page = collection.get(ids=wanted, include=include, limit=size, offset=offset)
            if page["ids"]:
                yield page
            if len(page["ids"]) < size:
                return
            offset += size

    @contextlib.contextmanager
    def _collection(self, generation: Generation) -> Iterator[Any]:
        with self._collection_of(generation) as (_, collection):
            yield collection

    @contextlib.contextmanager
    def _collection_of(self, generation: Generation) -> Iterator[tuple[Connection, Any]]:
        with self._connections.used() as connection:
            collection = connection.collections.get(generation.name)
            if collection is None:
                collection = connection.client.get_collection(generation.name, embedding_function=None)
                self._check(generation, collection.metadata or {})
                connection.collections[generation.name] = collection
            yield connection, collection

    def _check(self, generation: Generation, found: dict[str, Any]) -> None:
        wanted = self._metadata(generation)
        # Its vectors may be carried from an earlier recipe: the ledger knows which are.
        if any(found.get(name) != value for name, value in wanted.items() if name != "recipe"):
            of_another = " of another ledger" if found.get("ledger") != self._ledger_id else ""
            msg = (
                f"collection {generation.name} at {self._connections.address(self.endpoint)} holds {found.get('model')} "
                f"({found.get('dimension')} dimensions, recipe {found.get('recipe')}){of_another}, the ledger's is {generation.space}: "
                "set PRECEDENT_CHROMA_DATABASE or PRECEDENT_DATA_DIR to one of its own, or delete that collection"
            )
            raise SpaceMismatchError(msg)

    def _metadata(self, generation: Generation) -> dict[str, str | int]:
        space = generation.space
        return {
            "model": space.model,
            "dimension": space.dimension,
            "recipe": space.recipe,
            "ledger": self._ledger_id,
        }


def _rows_in(found: dict[str, Any]) -> list[Row]:
    """Return the rows in an answer of Chroma's that has texts and metadata."""
    fields = zip(found["ids"], found["documents"], found["metadatas"], strict=True)
    return [
        Row(i, text or "", m.get("priority"), m.get("resolution"), m.get("text_hash", ""))
        for i, text, m in ((i, text, metadata or {}) for i, text, metadata in fields)
    ]


def _metadata_of(rows: Sequence[Row]) -> list[dict[str, str | None]]:
    # Chroma merges metadata: a field that a ticket lost must be named to be removed.
    return [
        {"priority": row.priority, "resolution": row.resolution, "text_hash": row.text_hash} for row in rows
    ]


def _parts(rows: Sequence[Row], dimension: int) -> Iterator[list[Row]]:
    """Yield rows in as few requests as Chroma takes: long texts make a page of them too large."""
    part: list[Row] = []
    size = 0
    for row in rows:
        more = dimension * _FLOAT_BYTES + _TEXT_WEIGHT * len((row.text + (row.resolution or "")).encode())
        if part and size + more > _UPSERT_BYTES:
            yield part
            part, size = [], 0
        part.append(row)
        size += more
    if part:
        yield part
