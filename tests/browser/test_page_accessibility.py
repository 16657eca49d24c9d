"""axe-core finds no violation: light and dark, closed and opened, desktop and phone, and on an entry's own page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.browser
SIZES = {"desktop": (1280, 900), "phone": (320, 640)}


def violations(opened: Any, axe: str) -> list[str]:
    """What axe-core finds wrong with a page, every rule of it switched on, those that are experimental left out."""
    opened.page.evaluate(axe)
    found = opened.page.evaluate("axe.run(document, { resultTypes: ['violations'] })")
    return [
        f"{rule['id']}: {node['target']} {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_closed_or_opened(
    small_site: Path, visit: Callable[..., Any], axe: str, scheme: str, size: str
) -> None:
    opened = visit(small_site, size=SIZES[size], scheme=scheme)
    assert violations(opened, axe) == []
    for name in ("passk_analytic", "grpo", "passk_analytic_std"):  # proportional and verified, biased, direction
        opened.open(name)
    assert violations(opened, axe) == []
    for words in ("grpo", "no such thing"):
        opened.page.fill("#find", words)
        assert violations(opened, axe) == []


@pytest.mark.parametrize("name", ["grpo", "index"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_no_violation_on_the_other_pages(
    small_site: Path, visit: Callable[..., Any], axe: str, scheme: str, name: str
) -> None:
    opened = visit(small_site.parent / "entries" / f"{name}.html", scheme=scheme)
    if name != "index":
        opened.page.wait_for_selector("#charts svg")
    assert violations(opened, axe) == []


def test_the_checker_notices_a_fault(small_site: Path, visit: Callable[..., Any], axe: str) -> None:
    opened = visit(small_site)
    opened.page.evaluate("document.querySelector('label[for=find]').remove()")
    opened.page.evaluate("document.querySelector('#find').removeAttribute('placeholder')")
    assert any(line.startswith("label: ") for line in violations(opened, axe))
