from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from maxpo_bench.envs.tasks.grading import service
from maxpo_bench.envs.tasks.grading.service import Grader


@pytest.fixture
def make_grader(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Grader]]:
    """Make graders whose answers reach the comparison as they are, and whose comparison obeys them."""
    monkeypatch.setattr(service, "normalise", str)
    monkeypatch.setattr(service, "fast_verdict", lambda gold, answer: None)
    made: list[Grader] = []

    def make(workers: int = 2, **settings: object) -> Grader:
        made.append(Grader(workers, **({"judge": "service_judges:obey"} | settings)))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for grader in made:
        grader.close()
