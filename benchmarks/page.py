"""The leaderboard's page at 500 entries: its size, and how long sorting, filtering and opening a row take in a browser.

A time runs from the call of the button until the browser has laid the page out again. It needs what
`scripts/set_up_browser.py` installs.

    python benchmarks/page.py --out results/benchmarks/page.json
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from measuring import Bar, machine, show_bars, write_json
from rich.console import Console

from maxpo_bench.leaderboard.site import render_page

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests" / "leaderboard")]

import set_up_browser  # noqa: E402
from site_samples import synthetic_site  # noqa: E402

ENTRIES, REPEATS = 500, 20
MOST_BYTES, MOST_SORT_MS = 300_000, 50.0
SORT = """async (repeats) => {
  const layout = () => document.body.getBoundingClientRect().height;
  const times = { script: [], layout: [] };
  const buttons = Array.from(document.querySelectorAll("#main thead button"));
  layout();
  for (let at = 0; at < repeats; at++) {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const started = performance.now();
    buttons[(at * 5 + 3) % buttons.length].click();
    const sorted = performance.now();
    layout();
    times.script.push(sorted - started);
    times.layout.push(performance.now() - started);
  }
  return times;
}"""
FILTER = """async (repeats) => {
  const find = document.getElementById("find");
  const times = [];
  for (let at = 0; at < repeats; at++) {
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    const started = performance.now();
    find.value = at % 2 ? "" : "leave";
    find.dispatchEvent(new Event("input", { bubbles: true }));
    document.body.getBoundingClientRect();
    times.push(performance.now() - started);
  }
  return times;
}"""
OPEN = """async (repeats) => {
  const times = [];
  const buttons = document.querySelectorAll("#main tbody > tr > th > button");
  for (let at = 0; at < repeats; at++) {
    const started = performance.now();
    buttons[at].click();
    while (buttons[at].getAttribute("aria-expanded") !== "true") await new Promise((done) => setTimeout(done));
    document.body.getBoundingClientRect();
    times.push(performance.now() - started);
  }
  return times;
}"""


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS, help="of each measurement")
    parser.add_argument("--out", type=Path, help="JSON file; default: nothing is written")
    return parser.parse_args(arguments)


def summary(times: list[float]) -> dict[str, float]:
    """Median, quartiles and number of some times in milliseconds."""
    low, median, high = np.percentile(times, (25, 50, 75))
    return {"calls": len(times), "median_ms": float(median), "q25_ms": float(low), "q75_ms": float(high)}


def measure(path: Path, repeats: int) -> dict[str, Any]:
    """Times of a page in a headless browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=set_up_browser.find_browser())
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        found: dict[str, Any] = {"browser": browser.version}
        page.goto(path.as_uri())
        sort = page.evaluate(SORT, repeats)
        found["sort"] = summary(sort["layout"])
        found["sort, script alone"] = summary(sort["script"])
        found["filter"] = summary(page.evaluate(FILTER, repeats))
        found["open a row"] = summary(page.evaluate(OPEN, repeats))
        found["sort with as many rows open"] = summary(page.evaluate(SORT, repeats)["layout"])
        browser.close()
    return found


def run(arguments: list[str] | None = None) -> int:
    """Measure, show and write; 1 if a bar is missed."""
    options = parse(arguments)
    lacks = set_up_browser.missing()
    if lacks:
        raise SystemExit("\n".join(lacks))
    report: dict[str, Any] = {"machine": machine(), "entries": ENTRIES, "pages": {}}
    bars = []
    with tempfile.TemporaryDirectory() as folder:
        for name, is_one_class in (("of every class", False), ("all in one table", True)):
            board, evidence = synthetic_site(ENTRIES, is_one_class=is_one_class)
            path = Path(folder) / "index.html"
            path.write_text(render_page(board, evidence=evidence, title="The max@K leaderboard"), encoding="utf-8")
            size = path.stat().st_size
            found = {"bytes": size, **measure(path, options.repeats)}
            report["pages"][name] = found
            bars.append(Bar(f"bytes of {ENTRIES} entries with evidence, {name}", MOST_BYTES, size, True))
            bars.append(Bar(f"sorting {ENTRIES} entries, {name}, ms", MOST_SORT_MS, found["sort"]["median_ms"], True))
    report["bars"] = [bar.to_dict() for bar in bars]
    show_bars(bars, Console())
    if options.out:
        write_json(options.out, report)
    return int(any(bar.is_met is False for bar in bars))


if __name__ == "__main__":
    sys.exit(run())
