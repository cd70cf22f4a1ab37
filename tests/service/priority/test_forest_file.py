"""A forest in a file: the same when read back, and refused when it is not whole."""

import json
import random
import stat
import zipfile
from pathlib import Path

import numpy as np
import pytest

from service.priority import Forest, ForestFileError, fit, load, save
from tests.service.priority.data import alone, clustered, of_vectors, told_by_words

pytestmark = pytest.mark.slow

_HEADERS = 178
"""Bytes before an entry's values besides its name: the archive's header with its extra field, and NumPy's."""


@pytest.fixture
def stored(forest: Forest, tmp_path: Path) -> Path:
    """The file of the forest."""
    path = tmp_path / "forest.npz"
    save(forest, path)
    return path


def rewritten(path: Path, **changes: object) -> None:
    """Replace entries of the file; a manifest is given as a change to the one that is there."""
    with np.load(path) as whole:
        entries = {name: whole[name] for name in whole.files}
    for name, value in changes.items():
        if name == "manifest" and isinstance(value, dict):
            manifest = {**json.loads(entries["manifest"].tobytes()), **value}
            entries["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
        else:
            entries[name] = np.asarray(value)
    with path.open("wb") as file:
        np.savez(file, **entries)


def test_round_trip(forest: Forest, stored: Path) -> None:
    """A forest read back says the same, names the same evidence, and knows its report."""
    again = load(stored)
    vectors = clustered(50, seed=7).vectors
    assert np.array_equal(again.votes(of_vectors(vectors)), forest.votes(of_vectors(vectors)))
    assert [again.decide(alone(vector)) for vector in vectors] == [
        forest.decide(alone(vector)) for vector in vectors
    ]
    assert again.report == forest.report
    assert again.report.fitted_on == {"generation": "tickets-0001"}
    assert again.state == forest.state
    assert np.array_equal(again.later, forest.later)


def test_nothing_in_the_file_is_a_pickle(stored: Path) -> None:
    """Every entry can be read with pickles forbidden, and the manifest is JSON."""
    with np.load(stored, allow_pickle=False) as whole:
        entries = {name: whole[name] for name in whole.files}
    assert json.loads(entries["manifest"].tobytes())["format"] == "precedent-forest-4"
    assert all(not array.dtype.hasobject for array in entries.values())


def test_no_word_of_a_ticket_is_in_the_file(tmp_path: Path) -> None:
    """Words are kept as hashes: what customers wrote cannot be read off, though the forest knows what it points to."""
    found = fit(told_by_words(120))
    assert isinstance(found, Forest)
    assert found.predictors.words is not None
    save(found, tmp_path / "forest.npz")
    content = (tmp_path / "forest.npz").read_bytes()
    assert not [word for word in (b"outage", b"question", b"button") if word in content]
    again = load(tmp_path / "forest.npz")
    asked = told_by_words(20, seed=2).features
    assert np.array_equal(again.votes(asked), found.votes(asked))


def test_replaced_as_a_whole(forest: Forest, stored: Path) -> None:
    """A second save replaces the file and leaves nothing beside it."""
    before = stored.read_bytes()
    save(forest, stored)
    assert stored.read_bytes() == before
    assert [path.name for path in stored.parent.iterdir()] == ["forest.npz"]


def test_failed_save_leaves_the_old_file(forest: Forest, tmp_path: Path) -> None:
    """A save that cannot end changes nothing and leaves no part behind."""
    target = tmp_path / "forest.npz"
    target.mkdir()
    (target / "in the way").touch()
    with pytest.raises(OSError, match=r"forest\.npz"):
        save(forest, target)
    assert [path.name for path in tmp_path.iterdir()] == ["forest.npz"]


def test_missing_file(tmp_path: Path) -> None:
    """A file that is not there is an error of its own kind."""
    with pytest.raises(ForestFileError, match="no stored forest at"):
        load(tmp_path / "forest.npz")


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.9, 0.9999])
def test_cut_short(stored: Path, share: float) -> None:
    """A file that was cut short is refused wherever the cut is."""
    content = stored.read_bytes()
    stored.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ForestFileError, match="cannot be used"):
        load(stored)


@pytest.mark.parametrize("share", [0.0, 0.02, 0.3, 0.6, 0.95, 0.999])
def test_damaged(stored: Path, share: float) -> None:
    """Overwritten bytes are noticed wherever they are."""
    content = bytearray(stored.read_bytes())
    start = int((len(content) - 64) * share)
    content[start : start + 64] = bytes(byte ^ 0xFF for byte in content[start : start + 64])
    stored.write_bytes(content)
    with pytest.raises(ForestFileError, match="cannot be used"):
        load(stored)


def test_one_wrong_bit(tmp_path: Path) -> None:
    """Wherever it is in the file's headers and directory, the forest is refused, or none the worse for it."""
    path, again = tmp_path / "forest.npz", tmp_path / "again.npz"
    fitted = fit(clustered(60))
    assert isinstance(fitted, Forest)
    save(fitted, path)
    content = path.read_bytes()
    with zipfile.ZipFile(path) as whole:
        places = set(range(whole.start_dir, len(content)))
        for entry in whole.infolist():
            begin = entry.header_offset
            places.update(range(begin, begin + len(entry.filename) + _HEADERS))
    chance = random.Random(0)
    refused = 0
    for place in chance.sample(sorted(places), 1_500):
        damaged = bytearray(content)
        damaged[place] ^= 1 << chance.randrange(8)
        path.write_bytes(damaged)
        try:
            found = load(path)
        except ForestFileError:
            refused += 1
        else:
            save(found, again)
            assert again.read_bytes() == content, place
    assert refused > 500


@pytest.mark.parametrize(
    "content",
    [b"not a forest", b"\x80\x04\x95pickle", b"\x93NUMPY\x01\x00", b"PK\x03\x04 half a zip"],
    ids=["text", "pickle", "one array", "zip"],
)
def test_foreign_file(tmp_path: Path, content: bytes) -> None:
    """A file of another kind is refused."""
    path = tmp_path / "forest.npz"
    path.write_bytes(content)
    with pytest.raises(ForestFileError, match="cannot be used"):
        load(path)


def test_foreign_arrays(tmp_path: Path) -> None:
    """Arrays of somebody else are refused."""
    path = tmp_path / "forest.npz"
    np.savez(path, vectors=np.eye(3))
    with pytest.raises(ForestFileError, match="manifest"):
        load(path)


def test_smuggled_pickle(stored: Path) -> None:
    """An array of objects, which numpy would store as a pickle, is refused unread."""
    rewritten(stored, bias=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ForestFileError, match="allow_pickle=False"):
        load(stored)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"manifest": {"format": "precedent-forest-9"}}, "its format is 'precedent-forest-9'"),
        ({"manifest": {"labels": ["high", "low"]}}, "its model of the words does not fit its labels"),
        ({"manifest": {"dimension": 1}}, "its model of the meaning does not fit its labels"),
        ({"rarity": np.zeros(5, np.float32)}, "checksum of its array rarity"),
        ({"manifest": {"depth": -1}}, "its depth do not fit together"),
        ({"manifest": {"report": 3}}, "report"),
        ({"bias": np.zeros(3)}, "checksum of its array bias"),
        ({"bias": np.zeros(3, np.float32)}, "its array bias is float32"),
        ({"label": np.zeros((2, 2), np.int64)}, r"its array label is int64 of shape \(2, 2\)"),
    ],
)
def test_what_does_not_fit(stored: Path, changes: dict[str, object], told: str) -> None:
    """A manifest or an array that does not fit the others is refused by name."""
    rewritten(stored, **changes)
    with pytest.raises(ForestFileError, match=told):
        load(stored)


def test_readable_like_any_file(stored: Path) -> None:
    """The file's permissions are those of any new file, so that another replica's user may read it."""
    plain = stored.parent / "plain"
    plain.touch()
    assert stat.S_IMODE(stored.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
