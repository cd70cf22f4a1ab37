"""The trees of a forest as plain arrays: the leaf that a vector reaches, and the tickets in it."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from indexer.embedding import Matrix
from service.arrays import FloatArray, IntArray, entries_of

__all__ = ["Leaves", "Trees", "Votes", "extract"]

_CHUNK = 1 << 15  # rows x trees walked at once: the walk's arrays stay in the processor's cache
_STRIDE = 4  # steps between two looks at who has arrived


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """All nodes of all trees, one tree after the other.

    A leaf is its own child and its threshold is infinite, so that a walk of ``depth`` steps needs no test
    whether it has arrived.

    :param roots: int64, shape (trees,): each tree's first node.
    :param children: int64, shape (2 x nodes,): the left and the right child of each node, side by side.
    :param feature: int64, shape (nodes,): which value of the vector is compared.
    :param threshold: float64, shape (nodes,): a vector goes left when its value is not above.
    :param leaf: int64, shape (nodes,): the leaf's number, -1 at inner nodes.
    :param depth: steps from a root to the farthest leaf.
    """

    roots: IntArray
    children: IntArray
    feature: IntArray
    threshold: FloatArray
    leaf: IntArray
    depth: int

    def walk(self, vectors: Matrix) -> IntArray:
        """Return the leaf that each vector reaches in each tree.

        :param vectors: float32, shape (rows, dimension), C-contiguous.
        :return: shape (rows, trees).
        """
        trees, (rows, dimension) = len(self.roots), vectors.shape
        reached = np.empty((rows, trees), np.int64)
        step = max(1, _CHUNK // trees)
        for start in range(0, rows, step):
            part = vectors[start : start + step]
            node = self._descend(part.ravel(), np.repeat(np.arange(len(part)) * dimension, trees))
            reached[start : start + step] = self.leaf.take(node).reshape(len(part), trees)
        return reached

    def _descend(self, values: Matrix, first: IntArray) -> IntArray:
        arrived = node = np.tile(self.roots, len(first) // len(self.roots))
        walking = np.arange(len(first))
        for taken in range(self.depth):
            # float32 against float64, as scikit-learn compares.
            right = values.take(self.feature.take(node) + first) > self.threshold.take(node)
            node = self.children.take(2 * node + right)
            if taken % _STRIDE == _STRIDE - 1 and len(first) > len(self.roots):
                # Most arrive long before the deepest: with many rows it pays to walk on without them.
                arrived[walking] = node
                on = np.flatnonzero(self.leaf.take(node) < 0)
                walking, node, first = walking[on], node[on], first[on]
        arrived[walking] = node
        return arrived


@dataclass(frozen=True, slots=True, eq=False)
class Leaves:
    """The tickets in each leaf, with their shares of its vote.

    :param start: int64, shape (leaves + 1,): leaf ``i`` holds the entries ``start[i] … start[i + 1] - 1``.
    :param row: int64, shape (entries,): rows of the tickets that the forest was fitted on.
    :param share: float64, shape (entries,): how often the tree drew the ticket, divided by all draws in the leaf.
    """

    start: IntArray
    row: IntArray
    share: FloatArray

    def votes(self, label: IntArray, labels: int) -> "Votes":
        """Return each leaf's vote, from the label of each row."""
        leaves = len(self.start) - 1
        leaf = np.repeat(np.arange(leaves), np.diff(self.start))
        cell, place = np.unique(leaf * labels + label[self.row], return_inverse=True)
        return Votes(
            start=np.searchsorted(cell, np.arange(leaves + 1) * labels),
            column=cell % labels,
            share=np.bincount(place, self.share).astype(np.float64),
            labels=labels,
        )

    def weights(self, reached: IntArray, rows: int) -> FloatArray:
        """Return each ticket's share of the forest's vote for one vector; the shares sum to 1.

        :param reached: shape (trees,): the leaf that the vector reaches in each tree.
        :param rows: how many tickets the forest was fitted on.
        """
        entry, _ = entries_of(self.start, reached)
        return np.bincount(self.row[entry], self.share[entry], minlength=rows) / len(reached)


@dataclass(frozen=True, slots=True, eq=False)
class Votes:
    """Each leaf's shares of the labels that its tickets have: with many labels, few of them are in one leaf.

    :param start: int64, shape (leaves + 1,): leaf ``i`` has the entries ``start[i] … start[i + 1] - 1``.
    :param column: int64, shape (entries,): the label.
    :param share: float64, shape (entries,): of the leaf's vote; those of a leaf sum to 1.
    :param labels: how many columns there are.
    """

    start: IntArray
    column: IntArray
    share: FloatArray
    labels: int

    def mean(self, reached: IntArray) -> FloatArray:
        """Return the mean vote of the leaves reached, shape (rows, labels).

        :param reached: shape (rows, trees).
        """
        rows, trees = reached.shape
        total = np.empty((rows, self.labels))
        step = max(1, _CHUNK // trees)
        for first in range(0, rows, step):
            part = reached[first : first + step]
            entry, size = entries_of(self.start, part.ravel())
            row = np.repeat(np.arange(part.size) // trees, size)
            cells = np.bincount(
                row * self.labels + self.column[entry], self.share[entry], minlength=len(part) * self.labels
            )
            total[first : first + step] = cells.reshape(len(part), self.labels)
        total /= trees
        return total


def extract(fitted: Any, vectors: Matrix) -> tuple[Trees, Leaves]:
    """Take the arrays out of a fitted ``RandomForestClassifier``.

    :param vectors: the rows that it was fitted on.
    :raises RuntimeError: this scikit-learn weighs tickets in another way than by drawing them.
    """
    nodes = leaves = 0
    roots: list[int] = []
    parts: defaultdict[str, list[NDArray[Any]]] = defaultdict(list)
    for estimator, drawn in zip(fitted.estimators_, fitted.estimators_samples_, strict=True):
        tree = estimator.tree_
        itself = np.arange(tree.node_count)
        is_leaf = tree.children_left < 0
        pair = np.stack([tree.children_left, tree.children_right], axis=1)
        number = np.where(is_leaf, np.cumsum(is_leaf) - 1, -1)
        roots.append(nodes)
        parts["children"].append((np.where(is_leaf[:, None], itself[:, None], pair) + nodes).ravel())
        parts["feature"].append(np.where(is_leaf, 0, tree.feature))
        parts["threshold"].append(np.where(is_leaf, np.inf, tree.threshold))
        parts["leaf"].append(np.where(is_leaf, number + leaves, -1))

        times_drawn = np.bincount(drawn, minlength=len(vectors))
        inside = np.flatnonzero(times_drawn)
        where = number[tree.apply(vectors[inside])]
        order = np.argsort(where, kind="stable")
        draws = np.bincount(where, times_drawn[inside])
        if not np.allclose(draws, tree.weighted_n_node_samples[is_leaf]):
            msg = "this scikit-learn does not weigh tickets by drawing them; 1.9 or newer is needed"
            raise RuntimeError(msg)
        parts["size"].append(np.bincount(where))
        parts["row"].append(inside[order])
        parts["share"].append((times_drawn[inside] / draws[where])[order])
        nodes += tree.node_count
        leaves += int(is_leaf.sum())
    # In 64 bits, whatever scikit-learn counts in.
    joined = {name: np.concatenate(found).astype(f"{found[0].dtype.kind}8") for name, found in parts.items()}
    depth = max(estimator.tree_.max_depth for estimator in fitted.estimators_)
    of_nodes = {name: joined[name] for name in ("children", "feature", "threshold", "leaf")}
    start = np.concatenate([[0], np.cumsum(joined["size"])])
    return (
        Trees(roots=np.array(roots, np.int64), **of_nodes, depth=depth),
        Leaves(start=start, row=joined["row"], share=joined["share"]),
    )
