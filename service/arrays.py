"""Names for the arrays that the forest and its evaluation work on."""

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix

__all__ = ["BoolArray", "FloatArray", "IntArray", "entries_of", "pick", "row_norms", "softmax", "unit_rows"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def unit_rows(vectors: Matrix) -> Matrix:
    """Return the rows at length 1, so that a product of two is their cosine; a row of zeros stays as it is.

    :param vectors: shape (rows, dimension).
    """
    unit: Matrix = vectors / row_norms(vectors)[:, None]
    return unit


def row_norms(vectors: Matrix) -> Matrix:
    """Return the length of each row, shape (rows,), and 1 for a row of zeros.

    :param vectors: shape (rows, dimension).
    """
    norms: Matrix = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
    norms[norms == 0] = 1
    return norms


def pick(values: FloatArray, column: IntArray) -> FloatArray:
    """Return the value of each row in its column, shape (rows,).

    :param values: shape (rows, columns).
    :param column: shape (rows,).
    """
    return np.take_along_axis(values, column[:, None], axis=1)[:, 0]


def softmax(scores: FloatArray) -> FloatArray:
    """Return scores as probabilities, shape (…, columns). SciPy's own is not used: importing that takes long."""
    shifted = np.exp(scores - scores.max(axis=-1, keepdims=True))
    normal: FloatArray = shifted / shifted.sum(axis=-1, keepdims=True)
    return normal


def entries_of(start: IntArray, rows: IntArray) -> tuple[IntArray, IntArray]:
    """Return the entries of rows of different lengths, one row after the other, and how many each has.

    :param start: int64, shape (all rows + 1,): row ``i`` has the entries ``start[i] … start[i + 1] - 1``.
    :param rows: which of them, shape (rows,).
    """
    first = start[rows]
    size = start[rows + 1] - first
    # Without a loop: a running count, moved to each row's start.
    return np.arange(size.sum()) + np.repeat(first - np.cumsum(size) + size, size), size
