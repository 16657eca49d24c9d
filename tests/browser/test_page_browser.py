"""The leaderboard's page in a real browser: sorting, filters, opening a row, keyboard, print, and nothing fetched."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leaderboard_samples import entry
from site_samples import small_board_and_evidence, synthetic_evidence, write_small_site

from maxpo_bench.leaderboard.entry import Leaderboard

pytestmark = pytest.mark.browser
PHONE = (320, 640)


def numbers(opened: Any, column: int) -> list[float | None]:
    """Values of a column of the main table in order, None for –."""
    cells = opened.page.locator(f"#main > .frame tbody > tr:not(.d) > td:nth-child({column})").all_text_contents()
    return [None if text == "–" else float(text.replace("−", "-").replace("≥", "").rstrip("%")) for text in cells]


def test_nothing_is_requested_and_nothing_complains(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    folder = small_site.parent.as_uri()
    for name in opened.names()[:3]:
        opened.open(name)
    opened.press("B95")
    opened.page.fill("#find", "grpo")
    opened.page.fill("#find", "")
    for link in ("figures", "reported", "scorers"):
        opened.page.locator(f'nav a[href="#{link}"]').click()
    opened.page.locator("figure img").scroll_into_view_if_needed()
    opened.page.wait_for_function("document.querySelector('figure img').naturalWidth > 0")
    assert set(opened.requests) - {f"{folder}/index.html"} <= {f"{folder}/figures/a_figure.svg"} | {
        request for request in opened.requests if request.startswith("data:image/svg+xml,")
    }
    assert opened.said == []


def test_a_script_or_style_from_elsewhere_is_refused(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    done = opened.page.evaluate(
        """async () => {
          const code = document.createElement("script");
          code.textContent = "window.hacked = 1";
          document.body.append(code);
          document.body.setAttribute("style", "color: red");
          const fetched = await fetch("https://example.org/").then(() => "fetched", () => "refused");
          return [window.hacked ?? null, getComputedStyle(document.body).color !== "rgb(255, 0, 0)", fetched];
        }"""
    )
    assert done == [None, True, "refused"]
    assert all("Content Security Policy" in line for line in opened.said)


def test_sorting_five_hundred_entries(large_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(large_site)
    start = opened.names()
    head = opened.page.locator('#main thead th[aria-describedby="c-learning"]')
    opened.press("Maze")
    found = numbers(opened, 10)
    assert found == sorted(found, reverse=True)
    assert head.get_attribute("aria-sort") == "descending"
    opened.press("Maze")
    assert numbers(opened, 10) == sorted(found)
    assert head.get_attribute("aria-sort") == "ascending"
    opened.press("Estimator")
    assert opened.names() == sorted(start, key=lambda name: name.replace("_", " "))
    assert head.get_attribute("aria-sort") is None
    opened.press("Rank")
    assert opened.names() == start
    assert opened.page.locator("#biased thead [aria-sort]").inner_text().startswith("Rank")
    assert opened.said == []


def test_what_is_missing_comes_last_both_ways(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    for _ in range(2):
        opened.press("LM gain")
        assert numbers(opened, 11) == [None] * len(opened.names())
    for _ in range(2):
        opened.press("Verified")
        assert set(opened.names()) >= {"ei_l2o", "passk_analytic"}


def test_filters_by_class_track_rewards_and_text(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    page = opened.page
    status = page.locator("[role=status]")
    sections = "section.board:not([hidden])"

    def shown() -> list[str]:
        return [section.get_attribute("id") for section in page.locator(sections).all()]

    everything = shown()
    assert status.inner_text() == ""
    page.select_option("#class", "biased")
    assert shown() == ["biased"]
    assert status.inner_text() == "3 of 13 shown"
    page.select_option("#class", "")
    page.select_option("#track", "stateful")
    assert (shown(), opened.names("stateful")) == (["stateful"], ["running_mean"])
    assert status.inner_text() == "1 of 13 shown"
    page.select_option("#track", "stateless")
    assert "stateful" not in shown()
    page.select_option("#rewards", "binary")
    assert set(opened.names()) == {"passk_analytic"}
    assert status.inner_text() == "2 of 13 shown"
    page.select_option("#rewards", "")
    page.select_option("#track", "")
    page.fill("#find", "the maximum's")  # a word of a summary, which stands in the opened row only
    page.wait_for_function("document.querySelector('[role=status]').textContent === '1 of 13 shown'")
    assert opened.names("biased") == ["grpo"]
    page.fill("#find", "")
    assert (shown(), status.inner_text()) == (everything, "")


def test_nothing_that_matches_is_said_and_can_be_undone(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    page = opened.page
    sections, none = page.locator("section.board:visible"), page.locator(".none")
    everything = sections.count()
    opened.open("ei_l2o")  # the tables of its evidence are none of the board's
    opened.press("B95")
    assert not none.is_visible()
    page.select_option("#class", "main")
    page.fill("#find", "no such thing")
    assert sections.count() == 0
    assert page.locator("[role=status]").inner_text() == "0 of 13 shown"
    assert none.inner_text().startswith("Nothing matches.")
    none.get_by_role("button", name="Clear the filters").click()
    assert sections.count() == everything
    assert not none.is_visible()
    assert (page.input_value("#find"), page.input_value("#class")) == ("", "")
    assert page.evaluate("document.activeElement.id") == "find"
    assert opened.page.locator("tr.d").is_visible()


def test_the_reference_is_not_compared_with_itself(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    below = opened.open("ei_l2o")
    assert "Where it loses" not in below.inner_text()
    assert below.locator("svg[role=img]").count() == 3
    opened = visit(small_site.parent / "entries" / "ei_l2o.html")
    opened.page.wait_for_selector("#charts svg[role=img]")
    assert opened.page.locator("#charts svg[role=img]").count() == 3


def test_the_language_models_chart_reaches_all_questions(small_site: Path, visit: Callable[..., Any]) -> None:
    panel = visit(small_site).open("passk_analytic").locator(".panel", has_text="Tiny language model")
    assert panel.locator("text.y").all_text_contents() == ["0%", "50%", "100%"]
    lines = [path.get_attribute("class") for path in panel.locator("svg path:not(.grid)").all()]
    key = panel.locator(".key span")
    assert sorted(lines) == sorted(key.evaluate_all("all => all.map((each) => each.className)"))
    assert key.all_text_contents() == ["passk_analytic", "ei_l2o", "before training"]


def test_a_row_opens_to_its_evidence_and_keeps_it(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    below = opened.open("passk_analytic")
    text = below.inner_text()
    for title in ("Step kept", "Where it loses", "Learning on the maze", "Tiny language model", "Certificate"):
        assert title in text
    for title in ("More figures", "Closest relatives", "Verification", "Provenance", "Reproduce it"):
        assert title in text
    assert "maxpo-bench submit submissions/passk_analytic --suite quick-1" in text
    assert "no new privileges, limits, Landlock, seccomp, namespaces" in text
    assert below.locator("svg[role=img][aria-label]").count() == 4
    assert below.locator('a[href="entries/passk_analytic.html"]').count() == 1
    opened.press("B95")
    opened.press("B95")
    assert below.locator("xpath=preceding-sibling::tr[1]/th/button").inner_text() == "passk_analytic"
    opened.page.fill("#find", "all_subsets_centered")
    assert not below.is_visible()
    opened.page.fill("#find", "")
    assert below.is_visible()
    opened.page.locator("#main th > button[aria-expanded=true]").click()
    button = opened.page.locator("#main th > button").get_by_text("passk_analytic", exact=True)
    assert button.get_attribute("aria-expanded") == "false"
    assert opened.page.locator("tr.d").count() == 0
    assert opened.said == []


def test_evidence_in_the_page_is_the_evidence_that_was_given(small_site: Path, visit: Callable[..., Any]) -> None:
    board, evidence = small_board_and_evidence()
    names = [one.name for one in board.entries]
    read = "async (names) => { const pack = await unpack(document.getElementById('evidence').textContent.trim());"
    read += " return names.map((_, at) => evidenceOf(pack, names, at)); }"
    found = {one["name"]: one for one in visit(small_site).page.evaluate(read, names)}
    for name, given in evidence.items():
        shown = found[name]
        assert shown["command"] == given["command"]
        assert [fact[0] for fact in shown["provenance"]] == [fact[0] for fact in given["provenance"]]
        assert [other for other, _ in shown["relatives"]] == [one["name"] for one in given["relatives"][:3]]
        for pair, expected in zip(shown["certificate"], given["certificate"], strict=True):
            assert (pair["n"], pair["k"], pair["kind"]) == (expected["n"], expected["k"], expected["kind"])
            assert pair["labels"] == [one["label"] for one in expected["instances"]]
            if pair["kind"] == "biased":
                cosines = [one["cosine"] for one in expected["instances"]]
                assert pair["instances"] == pytest.approx(cosines, abs=0.01)
        if given["eta"]:
            assert shown["eta"]["share"] == pytest.approx(given["eta"]["share"], abs=0.006)
            assert shown["eta"]["reference"] == pytest.approx(given["eta"]["reference"], abs=0.006)
        if given["language_model"]:
            scores = [1000 * share for share in given["language_model"]["entry"]]
            assert shown["language"]["scores"] == pytest.approx(scores, abs=0.5)
        if given["learning"]:
            curve, source = shown["learning"], given["learning"]
            at = [source["iterations"].index(iteration) for iteration in curve["iterations"]]
            for line in ("mean", "low", "high"):
                expected = [source[line][i] for i in at]
                assert curve[line] == pytest.approx(expected, abs=0.006 * (curve["top"] - curve["bottom"]))
        if given["families"]:
            logs = {row["name"]: row["logs"] for row in shown["families"]["rows"]}
            for family in logs:
                ratios = [cell["b95_ratio"] for cell in given["families"] if cell["family"] == family]
                assert [2**log for log in logs[family]] == pytest.approx(ratios, rel=0.03)


def test_an_address_opens_an_entry_and_relatives_are_links(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site)
    opened.page.goto(f"{small_site.as_uri()}#entry=ei_l1o")
    below = opened.page.locator("#biased tr.d")
    below.wait_for()
    assert opened.page.evaluate("document.activeElement.textContent") == "ei_l1o"
    link = below.locator('a[href^="#entry="]').first
    name = link.inner_text()
    link.click()
    opened.page.wait_for_function("name => document.activeElement.textContent === name", arg=name)
    assert opened.page.evaluate("document.activeElement.getAttribute('aria-expanded')") == "true"
    opened.page.goto(f"{small_site.as_uri()}#entry=%E0%A4%A")  # no valid address: nothing happens
    assert opened.said == []


def test_a_stateful_entry_has_no_certificate_to_show(small_site: Path, visit: Callable[..., Any]) -> None:
    text = visit(small_site).open("running_mean").inner_text()
    assert "Certificate" not in text
    assert "Learning on the maze" in text


def test_keys_reach_everything(small_site: Path, visit: Callable[..., Any]) -> None:
    page = visit(small_site).page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the main table"
    page.locator("#main thead button").first.focus()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.textContent") == "Estimator"
    page.keyboard.press("Enter")
    assert page.locator("#main thead [aria-sort]").inner_text().startswith("Estimator")
    page.keyboard.press("ArrowDown")
    first, second = page.locator("#main tbody > tr > th > button").all_text_contents()[:2]
    assert page.evaluate("document.activeElement.textContent") == first
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.textContent") == second
    read = (
        "(({ outlineStyle, outlineWidth }) => [outlineStyle, outlineWidth])(getComputedStyle(document.activeElement))"
    )
    assert page.evaluate(read) == ["solid", "2px"]
    page.keyboard.press("Enter")
    page.wait_for_selector("tr.d")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('tr').className") == "d"
    page.keyboard.press("Escape")
    assert page.locator("tr.d").count() == 0
    assert page.evaluate("document.activeElement.textContent") == second
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowUp")
    assert page.evaluate("document.activeElement.textContent") == "Estimator"


@pytest.mark.parametrize("size", [PHONE, (768, 900), (1280, 900), (1900, 1000)])
def test_no_window_is_too_narrow(small_site: Path, visit: Callable[..., Any], size: tuple[int, int]) -> None:
    opened = visit(small_site, size=size)
    below = opened.open("passk_analytic")
    assert opened.page.evaluate("document.scrollingElement.scrollWidth") <= size[0]
    box, frame = below.locator(".evidence").bounding_box(), opened.page.locator("#main > .frame").bounding_box()
    assert frame["x"] >= 0
    assert frame["x"] + frame["width"] <= size[0]
    assert frame["x"] <= box["x"] < box["x"] + box["width"] <= frame["x"] + frame["width"]
    assert box["width"] > 0.9 * frame["width"]
    assert opened.page.locator(".hint:visible").count() == (6 if size[0] < 1200 else 0)


def test_print_shows_opened_evidence_on_white(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site, scheme="dark")
    below = opened.open("ei_l2o")
    opened.page.emulate_media(media="print")
    assert below.locator("svg[role=img]").first.is_visible()
    assert opened.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.page.evaluate("getComputedStyle(document.body).color") == "rgb(29, 33, 38)"
    assert not opened.page.locator("#find").is_visible()
    assert opened.page.pdf()[:5] == b"%PDF-"


def test_without_scripts_rows_and_evidence_are_there(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site, scripts=False)
    page = opened.page
    assert page.locator("#main tbody > tr").count() == 6
    assert not page.locator("#find").is_visible()
    page.get_by_role("link", name="One by one").click()
    page.get_by_role("link", name="passk_analytic_std").click()
    assert page.locator("h1").inner_text() == "passk_analytic_std"
    assert "heavy-tailed" in page.locator("main").inner_text()
    assert "maxpo-bench submit submissions/passk_analytic_std" in page.locator("main").inner_text()
    page.get_by_role("link", name="All entries").click()
    assert page.url == small_site.as_uri()


def test_an_entrys_page_draws_its_pictures(small_site: Path, visit: Callable[..., Any]) -> None:
    opened = visit(small_site.parent / "entries" / "passk_analytic.html")
    opened.page.wait_for_selector("#charts svg[role=img]")
    assert opened.page.locator("#charts svg[role=img]").count() == 4
    assert opened.said == []


def test_strangers_texts_stay_texts(tmp_path: Path, visit: Callable[..., Any]) -> None:
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script>\"'</script><!-- javascript:alert(3) &lt;"
    import random

    entries = [entry(), entry(bad, title=bad, summary=bad, authors=bad, paper=f"{bad} https://example.org/x")]
    rng = random.Random(3)
    evidence = {one.name: synthetic_evidence(one, [bad, "ei_l2o"], rng) for one in entries}
    hostile = evidence[bad]
    hostile["provenance"] = [[bad, bad]]
    hostile["command"] = bad
    hostile["relatives"] = [{"name": bad, "similarity": 0.5}]
    hostile["verification"] = {"date": bad, "beacon": bad, "agrees": False, "by": bad, "comparisons": [{bad: bad}]}
    for pair in hostile["certificate"]:
        for one in pair["instances"]:
            one["label"] = bad
    for cell in hostile["families"]:
        cell["family"] = bad
    index = write_small_site(tmp_path, Leaderboard("quick-1", entries, {}), evidence)
    opened = visit(index)
    before = [opened.page.locator(tag).count() for tag in ("img", "script", "iframe", "style")]
    below = opened.open(bad)
    assert [opened.page.locator(tag).count() for tag in ("img", "script", "iframe", "style")] == before
    assert below.inner_text().count(bad) >= 6
    links = [link.get_attribute("href") for link in below.locator("a").all()]
    assert all(link.startswith(("https://", "entries/entry-", "#entry=%3Cimg")) for link in links)
    below.locator('a[href^="entries/"]').click()
    opened.page.wait_for_selector("#charts svg[role=img]")
    assert opened.page.locator("h1").inner_text() == bad
    assert [opened.page.locator(tag).count() for tag in ("img", "iframe", "style")] == [0, 0, 1]
    assert opened.said == []
