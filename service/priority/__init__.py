"""The random forest: fit, calibrate, abstain, explain, keep. Pure functions on arrays."""

from service.priority.fitting import fit
from service.priority.forest import Decisions, Forest, NoForest
from service.priority.records import ForestReport, TrainingDataError, TrainingSet
from service.priority.store import ForestFileError, load, save

__all__ = [
    "Decisions",
    "Forest",
    "ForestFileError",
    "ForestReport",
    "NoForest",
    "TrainingDataError",
    "TrainingSet",
    "fit",
    "load",
    "save",
]
