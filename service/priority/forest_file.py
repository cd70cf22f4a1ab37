"""The file of a fitted forest: plain arrays with a manifest and checksums. Nothing in it is ever executed."""

import hashlib
import io
import os
import secrets
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray

from indexer.durable import replace_durably
from indexer.errors import PrecedentError
from service.priority.calibration import Calibrator
from service.priority.forest import Forest
from service.priority.forest_report import Budget, ForestReport
from service.priority.linear import Linear
from service.priority.predictors import Predictors
from service.priority.trees import Leaves, Trees
from service.priority.words import BUCKETS

__all__ = ["ForestFileError", "load", "save"]

# A file of another format is refused, and the service has no labels until a new forest is fitted: so raise it only where
# an earlier file would be read wrongly.
_FORMAT = "precedent-forest-4"
_TREES = {"roots": "i8", "children": "i8", "feature": "i8", "threshold": "f8", "leaf": "i8"}
_LEAVES = {"start": "i8", "row": "i8", "share": "f8"}
_MODELS = ("words", "meaning")
_DTYPES = {
    "ids": "u1",
    "label": "i8",
    "rarity": "f4",
    **{f"{model}_{part}": "f4" for model in _MODELS for part in ("weight", "bias")},
    **_TREES,
    **{f"leaf_{name}": dtype for name, dtype in _LEAVES.items()},
    "bias": "f8",
    "later": "i8",
    "later_said": "i8",
}


class ForestFileError(PrecedentError):
    """A stored forest is missing, damaged, or of another format."""


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: str
    labels: tuple[str, ...]
    dimension: int
    values: tuple[str, ...]
    depth: int
    sharpness: float
    budgets: tuple[Budget, ...]
    report: ForestReport
    sha256: dict[str, str]


def save(forest: Forest, path: Path) -> None:
    """Write the forest to a file; whoever reads at that moment sees the old file or the new one, never a part.

    :raises OSError: the file cannot be written.
    """
    arrays: dict[str, NDArray[Any]] = {
        "ids": np.frombuffer(msgspec.json.encode(forest.ids), np.uint8),
        "label": forest.label,
        "rarity": forest.predictors.rarity,
        **_flat(forest.predictors),
        **{name: getattr(forest.trees, name) for name in _TREES},
        **{f"leaf_{name}": getattr(forest.leaves, name) for name in _LEAVES},
        "bias": forest.calibrator.bias,
        "later": forest.later,
        "later_said": forest.later_predicted,
    }
    manifest = _Manifest(
        format=_FORMAT,
        labels=forest.labels,
        dimension=forest.predictors.dimension,
        values=forest.predictors.values,
        depth=forest.trees.depth,
        sharpness=forest.calibrator.sharpness,
        budgets=forest.budgets,
        report=forest.report,
        sha256={name: _sha256(array) for name, array in arrays.items()},
    )
    written = msgspec.json.format(msgspec.json.encode(manifest), indent=1)
    content = io.BytesIO()
    np.savez(content, allow_pickle=False, manifest=np.frombuffer(written, np.uint8), **arrays)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with part.open("xb") as file:
            file.write(content.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        replace_durably(part, path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def load(path: Path) -> Forest:
    """Read a forest that `save` wrote.

    :raises ForestFileError: there is no such file, it is damaged or cut short, or it is not a forest.
    """
    try:
        return _assemble(*_read(path))
    except FileNotFoundError:
        msg = f"there is no stored forest at {path}"
        raise ForestFileError(msg) from None
    # One wrong bit, and zipfile asks for a password, for another release or for an unknown method of compression,
    # and NumPy parses half a header: each raises something else, and each means that the file is damaged.
    except Exception as error:  # noqa: BLE001
        msg = f"the stored forest {path} cannot be used: {error}; remove it, and fit a new one"
        raise ForestFileError(msg) from None


def _read(path: Path) -> tuple[_Manifest, dict[str, NDArray[Any]]]:
    with path.open("rb") as file, NpzFile(file, allow_pickle=False) as stored:
        manifest = msgspec.json.decode(stored["manifest"].tobytes(), type=_Manifest)
        if manifest.format != _FORMAT:
            msg = f"its format is {manifest.format!r}, this version reads {_FORMAT!r}"
            raise ValueError(msg)
        arrays = {name: stored[name] for name in _DTYPES}
    for name, array in arrays.items():
        if array.dtype != np.dtype(_DTYPES[name]) or array.ndim != 1:
            msg = f"its array {name} is {array.dtype} of shape {array.shape}"
            raise ValueError(msg)
        if _sha256(array) != manifest.sha256.get(name):
            msg = f"the checksum of its array {name} is wrong"
            raise ValueError(msg)
    return manifest, arrays


def _assemble(manifest: _Manifest, arrays: dict[str, NDArray[Any]]) -> Forest:
    nodes, leaves = len(arrays["feature"]), len(arrays["leaf_start"]) - 1
    predictors = _predictors(manifest, arrays)
    ids = msgspec.json.decode(arrays["ids"].tobytes(), type=tuple[str, ...])
    labels = len(manifest.labels)
    start = arrays["leaf_start"]
    # The checksums tell damage; these tell arrays that never fitted together, before an index runs wild.
    for name, sound in {
        "nodes": len(arrays["children"])
        == 2 * nodes
        == 2 * len(arrays["threshold"])
        == 2 * len(arrays["leaf"]),
        "children": _within(arrays["children"], nodes)
        and bool((arrays["children"] >= np.repeat(np.arange(nodes), 2)).all()),
        "roots": len(arrays["roots"]) > 0 and _within(arrays["roots"], nodes),
        "features": _within(arrays["feature"], predictors.width),
        "leaves": leaves > 0 and bool((arrays["leaf"] < leaves).all()),
        "depth": 0 <= manifest.depth <= nodes,
        "starts": start[0] == 0
        and bool((np.diff(start) > 0).all())
        and start[-1] == len(arrays["leaf_row"]) == len(arrays["leaf_share"]),
        "rows": _within(arrays["leaf_row"], len(ids)) and _within(arrays["later"], len(ids)),
        "labels": len(arrays["label"]) == len(ids)
        and _within(arrays["label"], labels)
        and len(arrays["bias"]) == labels,
        "later labels": len(arrays["later"]) == len(arrays["later_said"])
        and _within(arrays["later_said"], labels),
    }.items():
        if not sound:
            msg = f"its {name} do not fit together"
            raise ValueError(msg)
    return Forest(
        labels=manifest.labels,
        ids=ids,
        label=arrays["label"],
        predictors=predictors,
        trees=Trees(**{name: arrays[name] for name in _TREES}, depth=manifest.depth),
        leaves=Leaves(**{name: arrays[f"leaf_{name}"] for name in _LEAVES}),
        calibrator=Calibrator(sharpness=manifest.sharpness, bias=arrays["bias"]),
        later=arrays["later"],
        later_predicted=arrays["later_said"],
        budgets=manifest.budgets,
        report=manifest.report,
    )


def _flat(predictors: Predictors) -> dict[str, NDArray[Any]]:
    none = np.zeros(0, np.float32)
    arrays = {}
    for name in _MODELS:
        model: Linear | None = getattr(predictors, name)
        arrays[f"{name}_weight"] = none if model is None else np.ascontiguousarray(model.weight).ravel()
        arrays[f"{name}_bias"] = none if model is None else model.bias
    return arrays


def _predictors(manifest: _Manifest, arrays: dict[str, NDArray[Any]]) -> Predictors:
    models: dict[str, Linear | None] = {}
    for name, width in zip(_MODELS, (BUCKETS, manifest.dimension), strict=True):
        weight, bias = arrays[f"{name}_weight"], arrays[f"{name}_bias"]
        if len(bias) not in {0, len(manifest.labels)} or len(weight) != len(bias) * width:
            msg = f"its model of the {name} does not fit its labels"
            raise ValueError(msg)
        models[name] = Linear(weight.reshape(len(bias), width), bias) if len(bias) else None
    if len(arrays["rarity"]) != (BUCKETS if models["words"] else 0):
        msg = "its model of the words does not fit their rarity"
        raise ValueError(msg)
    return Predictors(
        manifest.dimension, arrays["rarity"], models["words"], models["meaning"], manifest.values
    )


def _within(values: NDArray[Any], limit: int) -> bool:
    return not len(values) or bool(values.min() >= 0 and values.max() < limit)


def _sha256(array: NDArray[Any]) -> str:
    return hashlib.sha256(array.tobytes()).hexdigest()
