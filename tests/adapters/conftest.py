"""Vectors whose strength lies in their last dims, and pairs that are near one another."""

import pytest
from spectrum import drawn

from mrl_search.adapters import Material
from mrl_search.vectors import unit


@pytest.fixture
def material():
    queries, noise = drawn(80, 1), drawn(80, 2)
    return Material(drawn(300, 0), queries, unit(queries + 0.5 * noise))


@pytest.fixture
def unlabelled(material):
    return Material(material.documents, material.queries[:0], material.positives[:0])
