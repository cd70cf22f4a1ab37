"""The forest that serves: when another is fitted, in which process, and whether it takes over."""

from service.forest.forests import Forests
from service.forest.served import ServedForest, Verdict

__all__ = ["Forests", "ServedForest", "Verdict"]
