"""A forest that several tests look at; fitting one takes a second or two."""

import pytest

from service.priority import Forest, TrainingSet, fit
from tests.service.priority.data import clustered


@pytest.fixture(scope="session")
def history() -> TrainingSet:
    """Four hundred tickets of three labels, one label in ten drawn at random."""
    return clustered(200, noise=0.1)


@pytest.fixture(scope="session")
def forest(history: TrainingSet) -> Forest:
    """The forest fitted on that history."""
    fitted = fit(history, fitted_on={"generation": "tickets-0001"})
    assert isinstance(fitted, Forest)
    return fitted
