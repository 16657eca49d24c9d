import pytest
from sandbox_workers import light_workers


@pytest.fixture
def light(monkeypatch):
    yield from light_workers(monkeypatch)
