"""A headless browser for the tests marked ``browser``; they skip with the reason where something is missing."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "leaderboard")]

import set_up_browser  # noqa: E402

DESKTOP, PHONE = (1280, 900), (320, 640)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "browser: needs Chromium, playwright and axe-core: make browser")


@dataclass
class Opened:
    """A page in the browser with all that it said and asked for.

    Attributes:
        page: playwright's page.
        said: messages on the console, errors, dialogues.
        requests: addresses that were requested.
    """

    page: Any
    said: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def names(self, table: str = "main") -> list[str]:
        """Names of the entries that a table shows, in order."""
        return self.page.locator(f"#{table} > .frame tbody > tr:not([hidden]) > th > button").all_text_contents()

    def press(self, heading: str, table: str = "main") -> None:
        """Press the button in a column's head."""
        self.page.locator(f"#{table} thead button").get_by_text(heading, exact=True).click()

    def open(self, name: str) -> Any:
        """Open an entry's row and return what appeared below it."""
        button = self.page.locator("tbody > tr > th > button").get_by_text(name, exact=True)
        button.click()
        assert button.get_attribute("aria-expanded") == "true"
        return self.page.locator(f"#{button.get_attribute('aria-controls')}")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """Chromium, or a skip with the reason."""
    lacks = set_up_browser.missing()
    if lacks:
        pytest.skip("; ".join(lacks))
    from playwright.sync_api import Error, sync_playwright

    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(
                executable_path=set_up_browser.find_browser(),
                ignore_default_args=["--hide-scrollbars"],  # on desktops they take room from the page
            )
        except Error as error:
            pytest.skip(f"Chromium does not start here: {str(error).splitlines()[0]}")
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """Open a file: ``visit(path, size=DESKTOP, scheme="light", scripts=True)``."""
    contexts = []

    def go(path: Path, *, size: tuple[int, int] = DESKTOP, scheme: str = "light", scripts: bool = True) -> Opened:
        width, height = size
        context = chromium.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, java_script_enabled=scripts
        )
        context.set_default_timeout(10_000)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.said.append(message.text))
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.on("dialog", lambda dialog: (opened.said.append(dialog.message), dialog.dismiss()))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto(path.as_uri())
        return opened

    yield go
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def axe() -> str:
    """The source of axe-core."""
    lacks = set_up_browser.missing()
    if lacks:
        pytest.skip("; ".join(lacks))
    return set_up_browser.AXE.read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def small_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of every class with evidence, reported tables and a figure; the path of its index."""
    from site_samples import small_board_and_evidence, write_small_site

    return write_small_site(tmp_path_factory.mktemp("site"), *small_board_and_evidence())


@pytest.fixture(scope="session")
def large_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of 500 entries with evidence; the path of its index."""
    from site_samples import synthetic_site

    from maxpo_bench.leaderboard.site import render_page

    board, evidence = synthetic_site()
    path = tmp_path_factory.mktemp("large") / "index.html"
    path.write_text(render_page(board, evidence=evidence, title="Five hundred"), encoding="utf-8", newline="\n")
    return path
