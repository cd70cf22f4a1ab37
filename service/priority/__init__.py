"""The random forest that decides priorities: fit it, ask it, save it and load it."""

from service.priority.features import Features, Reading, features_of
from service.priority.fitting import fit, unfit
from service.priority.forest import Forest, NoForest
from service.priority.forest_file import ForestFileError, load, save
from service.priority.forest_report import ForestReport
from service.priority.training_set import TrainingDataError, TrainingSet

__all__ = [
    "Features",
    "Forest",
    "ForestFileError",
    "ForestReport",
    "NoForest",
    "Reading",
    "TrainingDataError",
    "TrainingSet",
    "features_of",
    "fit",
    "load",
    "save",
    "unfit",
]
