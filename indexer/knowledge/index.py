"""The index: collections in Chroma, through `HttpClient` to a server process only."""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import urlsplit

import numpy as np

from indexer.embedding import Matrix
from indexer.errors import IndexUnavailableError, SpaceMismatchError
from indexer.knowledge.failures import MissingCollectionError, translated
from indexer.knowledge.payload import metadata, parts, whole
from indexer.knowledge.server import Endpoint, LocalServer
from indexer.ledger import Generation, IndexEntry
from indexer.settings import Settings

__all__ = ["HNSW", "Index", "Row"]

_T = TypeVar("_T")
_PAGE = 5_000  # more rows in one `get` exceed SQLite's variables
_VECTOR_PAGE = 1_000
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
    """A connection to Chroma. Methods block, may be called from any thread, and never wait longer than the time-out."""

    def __init__(self, settings: Settings, ledger_id: str) -> None:
        self._settings = settings
        self._ledger_id = ledger_id
        self._server = None if settings.chroma_url else LocalServer(settings.data_dir)
        self._lock = threading.Lock()
        self._client: Any = None
        self._collections: dict[str, Any] = {}
        self.endpoint: Endpoint | None = None

    def connect(self) -> None:
        """Connect, or connect anew after the server was gone; a local server is started when none runs.

        :raises IndexUnavailableError: no server answers.
        """
        with self._lock:
            self._disconnect()
            self.endpoint = self._server.ensure() if self._server else None
            with translated(self._where()):
                from indexer.knowledge.client import open_client

                self._client = open_client(self._settings, self.endpoint.port if self.endpoint else None)

    def close(self) -> None:
        """End this process's use; a local server that nobody else uses then stops."""
        with self._lock:
            self._disconnect()
            if self._server:
                self._server.release()

    def _disconnect(self) -> None:
        self._collections.clear()
        client, self._client = self._client, None
        if client is not None:
            client.close()
            # It leaves its connections open (chromadb 1.5.9), and those of the part that checks tenant and database.
            for part in (client, client._admin_client):  # noqa: SLF001 (there is no public way)
                part._server._session.close()  # noqa: SLF001 (there is no public way)

    def put_aside(self, reason: str) -> bool:
        """Have a damaged local index put aside; return whether that is possible (it is not on a server of your own)."""
        if self._server is None:
            return False
        self._server.put_aside(self.endpoint.run if self.endpoint else None, reason)
        return True

    def create(self, generation: Generation) -> None:
        """Make the generation's collection if it is not there, and refuse one that is not ours.

        :raises SpaceMismatchError: a collection of that name has another space, or is another ledger's.
        """
        wanted = self._metadata(generation)
        collection = self._call(
            lambda client: client.get_or_create_collection(
                generation.name, metadata=wanted, configuration={"hnsw": HNSW}, embedding_function=None
            )
        )
        self._check(generation, collection.metadata or {})
        self._collections[generation.name] = collection

    def drop(self, name: str) -> None:
        """Delete a collection, if it is there."""
        with contextlib.suppress(MissingCollectionError):
            self._call(lambda client: client.delete_collection(name))
        self._collections.pop(name, None)

    def names(self) -> list[str]:
        """Return the names of all collections."""
        return [collection.name for collection in self._call(lambda client: client.list_collections())]

    def write(self, generation: Generation, entries: Sequence[IndexEntry], vectors: Matrix) -> None:
        """Store the entries with a ticket, whose vectors are the rows of the matrix, and delete the others.

        A row is never given another vector in place, since chromadb 1.5.9 may lose such rows in its graph
        (chroma-core/chroma#7758): it is deleted and made anew. One whose vector stays is not touched in the graph.
        """
        collection = self._collection(generation)
        there = self._texts(collection, [entry.id for entry in entries])
        kept = [entry for entry in entries if entry.ticket is not None]
        same = [
            entry
            for entry in kept
            if entry.ticket and there.get(entry.id) == (entry.text_hash, entry.ticket.text)
        ]
        placed = {entry.id for entry in same}
        if gone := [ticket_id for ticket_id in there if ticket_id not in placed]:
            self._call(lambda _: collection.delete(ids=gone))
        for part in parts([entry for entry in kept if entry.id not in placed], vectors.shape[1]):
            self._call(lambda _: collection.upsert(**whole(part, vectors)))  # noqa: B023 (called at once)
        if same:
            self._call(
                lambda _: collection.update(ids=[entry.id for entry in same], metadatas=metadata(same))
            )

    def nearest_ids(
        self, generation: Generation, vectors: Matrix, limit: int = 10
    ) -> list[list[tuple[str, float]]]:
        """Return, for each vector, the ids of the nearest rows, at most ``limit``, and their cosines."""
        collection = self._collection(generation)
        found = self._call(
            lambda _: collection.query(query_embeddings=vectors, n_results=limit, include=["distances"])
        )
        return [
            [(ticket_id, 1.0 - distance) for ticket_id, distance in zip(ids, distances, strict=True)]
            for ids, distances in zip(found["ids"], found["distances"], strict=True)
        ]

    def count(self, generation: Generation) -> int:
        """Return the number of rows."""
        collection = self._collection(generation)
        return int(self._call(lambda _: collection.count()))

    def hashes(self, generation: Generation) -> dict[str, str]:
        """Return every row's id and the hash of the text that its vector is of."""
        return {
            ticket_id: (metadata or {}).get("text_hash", "")
            for page in self._pages(generation, ["metadatas"], _PAGE)
            for ticket_id, metadata in zip(page["ids"], page["metadatas"], strict=True)
        }

    def vectors(self, generation: Generation) -> Iterator[tuple[list[str], Matrix]]:
        """Yield every row's id and vector, page by page."""
        for page in self._pages(generation, ["embeddings"], _VECTOR_PAGE):
            yield page["ids"], np.asarray(page["embeddings"], dtype=np.float32)

    def rows(
        self, generation: Generation, ids: Sequence[str] | None = None
    ) -> Iterator[tuple[list[Row], Matrix]]:
        """Yield rows as they are stored, all or those of the ids (at most 500), and their vectors, page by page."""
        for page in self._pages(generation, ["metadatas", "documents", "embeddings"], _VECTOR_PAGE, ids):
            fields = zip(page["ids"], page["documents"], page["metadatas"], strict=True)
            yield (
                [
                    Row(i, text or "", m.get("priority"), m.get("resolution"), m.get("text_hash", ""))
                    for i, text, m in ((i, text, metadata or {}) for i, text, metadata in fields)
                ],
                np.asarray(page["embeddings"], dtype=np.float32),
            )

    def delete(self, generation: Generation, ids: Sequence[str]) -> None:
        """Delete rows, which the ledger may still have: it must be noted that they are pending."""
        collection = self._collection(generation)
        self._call(lambda _: collection.delete(ids=list(ids)))

    def strangers(self, known: Sequence[Generation]) -> list[str]:
        """Return the names of collections that are this ledger's, but of none of its generations."""
        names = {generation.name for generation in known}
        return [
            collection.name
            for collection in self._call(lambda client: client.list_collections())
            if collection.name not in names and (collection.metadata or {}).get("ledger") == self._ledger_id
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

    def _texts(self, collection: Any, ids: Sequence[str]) -> dict[str, tuple[str, str]]:
        found = self._call(lambda _: collection.get(ids=list(ids), include=["metadatas", "documents"]))
        return {
            ticket_id: ((fields or {}).get("text_hash", ""), text or "")
            for ticket_id, fields, text in zip(
                found["ids"], found["metadatas"], found["documents"], strict=True
            )
        }

    def _pages(
        self, generation: Generation, include: list[str], size: int, ids: Sequence[str] | None = None
    ) -> Iterator[dict[str, Any]]:
        collection = self._collection(generation)
        wanted = None if ids is None else list(ids)
        offset = 0
        while True:
            start = offset
            page = self._call(
                lambda _: collection.get(ids=wanted, include=include, limit=size, offset=start)  # noqa: B023 (called at once)
            )
            if page["ids"]:
                yield page
            if len(page["ids"]) < size:
                return
            offset += size

    def _collection(self, generation: Generation) -> Any:
        collection = self._collections.get(generation.name)
        if collection is None:
            collection = self._call(
                lambda client: client.get_collection(generation.name, embedding_function=None)
            )
            self._check(generation, collection.metadata or {})
            self._collections[generation.name] = collection
        return collection

    def _check(self, generation: Generation, found: dict[str, Any]) -> None:
        wanted = self._metadata(generation)
        # Its vectors may be carried from an earlier recipe: the ledger knows which are.
        if any(found.get(name) != value for name, value in wanted.items() if name != "recipe"):
            of_another = " of another ledger" if found.get("ledger") != self._ledger_id else ""
            msg = (
                f"collection {generation.name} at {self._where()} holds {found.get('model')} "
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

    def _call(self, action: Callable[[Any], _T]) -> _T:
        client = self._client
        if client is None:
            msg = f"Chroma at {self._where()} is not connected"
            raise IndexUnavailableError(msg)
        with translated(self._where()):
            return action(client)

    def _where(self) -> str:
        if self._settings.chroma_url:
            return urlsplit(self._settings.chroma_url)._replace(query="").geturl().rpartition("@")[2]
        return f"127.0.0.1:{self.endpoint.port}" if self.endpoint else "loopback"
