"""The page: complete without scripts, closed to strangers' text, and sortable for real where a browser is at hand."""

import base64
import hashlib
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from leaderboard_samples import entry, sample_board

from maxpo_bench.leaderboard.columns import columns
from maxpo_bench.leaderboard.entry import Interval, Leaderboard
from maxpo_bench.leaderboard.render import render_json, render_markdown
from maxpo_bench.leaderboard.site import render_page, write_site
from maxpo_bench.leaderboard.site_axis import WIDTH, LogAxis
from maxpo_bench.leaderboard.site_columns import last_scored, other_columns, row_columns
from maxpo_bench.leaderboard.site_text import with_links

SCRIPT = Path(__file__).parents[2] / "maxpo_bench" / "leaderboard" / "page" / "page.js"
BROWSER = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


class Outline(HTMLParser):
    """Tags with their attributes, and the text inside each tag of a kind."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


def digests(page: str, tag: str) -> list[str]:
    blocks = re.findall(rf"<{tag}>(.*?)</{tag}>", page, flags=re.DOTALL)  # those with a type are data
    return ["sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode() for block in blocks]


def policy(page: str) -> dict[str, str]:
    found = re.search(r'Content-Security-Policy" content="([^"]*)"', page)
    assert found
    return dict(part.strip().split(" ", 1) for part in found[1].split(";"))


def test_policy_lets_in_this_style_and_script_only() -> None:
    page = render_page(sample_board())
    rules = policy(page)
    assert rules["default-src"] == "'none'"
    assert rules["style-src"] == f"'{digests(page, 'style')[0]}'"
    assert rules["script-src"] == f"'{digests(page, 'script')[0]}'"
    assert "unsafe" not in page
    assert page.index("Content-Security-Policy") < page.index("<style>")
    outline = Outline(page)
    assert [attributes.get("type") for tag, attributes in outline.tags if tag == "script"] == ["text/plain", None]
    assert outline.count("style") == 1
    for tag, attributes in outline.tags:
        assert not [name for name in attributes if name == "style" or name.startswith("on")], tag
        assert tag not in ("link", "iframe", "object", "form") or attributes.get("rel") == "icon"
        assert not (attributes.get("src") or "").startswith(("http", "//"))


def test_rows_are_readable_without_scripts() -> None:
    board = sample_board()
    page = render_page(board)
    body = page[: page.index("<script")]
    outline = Outline(body)
    shown = [klass for klass, entries in board.sections() if entries]
    assert outline.count("table") == outline.count("caption") == len(shown)
    heads = [attributes for tag, attributes in outline.tags if tag == "th" and "scope" in attributes]
    assert len(heads) == len(shown) * len(row_columns(board))
    explained = {attributes.get("id") for _, attributes in outline.tags}
    assert all(head["aria-describedby"] in explained for head in heads)
    text = "".join(outline.texts)
    for column in [*row_columns(board), *other_columns(board)]:
        assert column.meaning in text
    for one in board.entries:
        assert one.name in text
        assert one.title in text
    assert "2.13.0" in text
    assert "0123456789abcdef0123456789abcdef01234567" in text
    assert '<a href="entries/index.html">' in body
    assert '<div class="find" role="search" aria-label="Filter the tables" hidden>' in body
    order = [body.index(f'id="{klass}"') for klass in shown]
    assert order == sorted(order)


def test_a_row_has_what_the_reader_asks_for() -> None:
    keys = [column.key for column in row_columns(sample_board())]
    assert keys == [
        *("rank", "name", "kind", "b95", "solved", "bias", "variance", "cosine", "cost", "learning", "gain"),
        *("verified", "date"),
    ]
    everywhere = {column.key for column in columns(sample_board())}
    curves = {key for key in everywhere if key.startswith(("eta", "pass"))}
    below = {column.key for column in other_columns(sample_board())}
    assert everywhere - set(keys) - curves - below == {"status"}  # which is the row's "verified"


def test_header_gives_suite_version_and_date() -> None:
    board = Leaderboard("quick-1", [entry("a"), entry("b", scorer={"date": "2031-05-06T10:11:12Z"})], {})
    assert last_scored(board) == "2031-05-06"
    page = render_page(board)
    assert "Suite <b>quick-1</b>" in page
    assert '<time datetime="2031-05-06">2031-05-06</time>' in page
    assert "<time" not in render_page(Leaderboard("quick-1", [entry("a", scorer={"date": "yesterday"})], {}))


def test_filters_offer_classes_tracks_and_rewards_with_their_counts() -> None:
    entries = [
        entry("a"),
        entry("b", domain="binary"),
        entry("c", "uncertified", track="stateful", b95_ratio=Interval()),
    ]
    page = render_page(Leaderboard("quick-1", entries, {}))
    for option in (
        '<option value="">All (3)',
        '<option value="main">Main table (2)',
        '<option value="stateful">Stateful (1)',
        '<option value="stateless">Stateless (2)',
        '<option value="binary">Binary only (1)',
        '<option value="real">Any real rewards (2)',
    ):
        assert option in page
    assert '<tr class="y">' in page
    assert '<tr class="s">' in page
    assert "<i>binary rewards · The b estimator</i>" in page


def test_disputed_and_withdrawn_entries_stay_and_say_so() -> None:
    entries = [entry("a", status="disputed"), entry("b", status="withdrawn"), entry("c", status="verified"), entry("d")]
    page = render_page(Leaderboard("quick-1", entries, {}))
    assert "<td><em class=x>disputed</em>" in page
    assert "<td><em class=w>withdrawn</em>" in page
    assert '<tr class="w">' in page
    assert "<td><em class=v>verified</em>" in page
    assert "<td>self-run" in page


def test_copies_have_their_own_table() -> None:
    page = render_page(sample_board())
    sections = {match[1]: match[2] for match in re.finditer(r'id="(\w+)">\n<h2(.*?)</section>', page, flags=re.DOTALL)}
    assert [name for name in sections if "<th>half_l2o<" in sections[name]] == ["copy"]
    assert "<td>= ei_l2o" in sections["copy"]


def test_the_line_below_a_name_is_its_title_or_else_its_summary() -> None:
    titled = render_page(Leaderboard("quick-1", [entry("mine", title="Mine & yours", summary="What it does.")], {}))
    assert "<th>mine<i>Mine &amp; yours</i>" in titled
    plain = render_page(Leaderboard("quick-1", [entry("mine", title="mine", summary="What it <does>.")], {}))
    assert "<th>mine<i>What it &lt;does&gt;.</i>" in plain


def test_hostile_strings_are_text() -> None:
    bad = "<script>alert('x')</script><img src=x onerror=\"y\"> & </td></table>"
    hostile = entry(
        bad,
        title=bad,
        summary=f"{bad} javascript:alert(1) https://example.org/a?b=1&c='\"><b>",
        paper=f"{bad} data:text/html,x",
        equation=bad,
        authors=bad,
        licence=bad,
        submission_hash="<b>12",
        scorer={"<i>key": bad, "date": bad, "nested": {"x": bad}},
        extra={"hidden": bad},
    )
    plain = Outline(render_page(Leaderboard("quick-1", [entry("plain")], {})))
    page = render_page(Leaderboard("quick-1", [hostile], {}), [("a'b<c>.png", bad)], title=bad)
    outline = Outline(page)
    assert bad in "".join(outline.texts)
    assert (outline.count("script"), outline.count("style"), outline.count("img")) == (2, 1, 1)
    assert outline.count("table") == plain.count("table")
    assert outline.count("td") == plain.count("td")
    links = [attributes["href"] or "" for tag, attributes in outline.tags if tag == "a"]
    assert all(link.startswith(("#", "entries/", "figures/", "leaderboard.")) for link in links)
    assert all(not [name for name in attributes if name.startswith("on")] for _, attributes in outline.tags)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain & <b>", "plain &amp; &lt;b&gt;"),
        ("arXiv 2606.06080", '<a href="https://arxiv.org/abs/2606.06080">arXiv 2606.06080</a>'),
        ("arxiv:2606.06080v2", "arxiv:2606.06080v2"),
        ("see (arXiv:2508.10751).", 'see (<a href="https://arxiv.org/abs/2508.10751">arXiv:2508.10751</a>).'),
        ("http://a.example/x.", '<a href="http://a.example/x">http://a.example/x</a>.'),
        ("javascript:alert(1)", "javascript:alert(1)"),
        ("data:text/html,x ftp://a.example/", "data:text/html,x ftp://a.example/"),
        ('https://a.example/"onx=1', '<a href="https://a.example/">https://a.example/</a>&quot;onx=1'),
    ],
)
def test_only_http_becomes_a_link(text: str, expected: str) -> None:
    assert with_links(text) == expected


def test_site_is_deterministic_and_carries_its_data(tmp_path: Path) -> None:
    figure = tmp_path / "learning_curves.png"
    figure.write_bytes(PNG)
    written = []
    for name in ("one", "two"):
        index = write_site(sample_board(), tmp_path / name / "deep", figures=[figure], title="A title")
        assert index == tmp_path / name / "deep" / "index.html"
        found = sorted(path for path in index.parent.rglob("*") if path.is_file())
        written.append({path.relative_to(index.parent).as_posix(): path.read_bytes() for path in found})
    assert written[0] == written[1]
    pages = [f"entries/{name}.html" for name in ["index", *(one.name for one in sample_board().entries)]]
    others = ["figures/learning_curves.png", "index.html", "leaderboard.json", "leaderboard.md"]
    assert sorted(written[0]) == sorted([*pages, *others])
    assert written[0]["leaderboard.md"].decode() == render_markdown(sample_board())
    assert written[0]["leaderboard.json"].decode() == render_json(sample_board())
    page = written[0]["index.html"].decode()
    assert "<title>A title</title>" in page
    assert 'alt="Learning curves"' in page
    assert 'href="leaderboard.json" download' in page
    assert "\r" not in page


def test_figures_take_captions_and_stay_where_they_are(tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    figure = folder / "b 1.svg"
    figure.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    page = write_site(sample_board(), tmp_path, figures=[(figure, 'Bias < 1 & "so"')]).read_text(encoding="utf-8")
    assert 'src="figures/b%201.svg" alt="Bias &lt; 1 &amp; &quot;so&quot;"' in page
    assert figure.read_text().startswith("<svg")
    with pytest.raises(ValueError, match="two figures are named"):
        write_site(sample_board(), tmp_path, figures=[figure, tmp_path / "figures" / ".." / "figures" / "b 1.svg"])
    with pytest.raises(FileNotFoundError, match="no figure at"):
        write_site(sample_board(), tmp_path, figures=[tmp_path / "gone.png"])
    with pytest.raises(ValueError, match=r"cannot be shown on a page: save it as one of \.png"):
        write_site(sample_board(), tmp_path, figures=[tmp_path / "a.pdf"])


@pytest.mark.parametrize(
    ("width", "height", "is_wide"), [(1350, 500, True), (650, 540, False), (180, 100, True), (179, 100, False)]
)
def test_wide_figures_take_a_row_of_their_own(tmp_path: Path, width: int, height: int, is_wide: bool) -> None:
    png, svg, other = (tmp_path / f"figure_{kind}.{kind}" for kind in ("png", "svg", "jpg"))
    png.write_bytes(PNG[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + PNG[24:])
    svg.write_text(f'<?xml version="1.0"?>\n<svg width="1pt" viewBox="0 0 {width}.5 {height}">')
    other.write_bytes(b"")
    page = write_site(sample_board(), tmp_path / "site", figures=[png, svg, other]).read_text(encoding="utf-8")
    for path in (png, svg, other):
        expected = " class=wide" if is_wide and path is not other else ""
        assert f'<figure{expected}><a href="figures/{path.name}">' in page


def test_missing_scores_have_their_reasons_in_the_legend() -> None:
    meanings = {column.key: column.meaning for column in columns(sample_board())}
    assert "'–' where the estimator does not point along the gradient on some bandit" in meanings["variance"]
    for key in ("b95", "solved"):
        assert "binary rewards only), or too noisy for the number of groups" in meanings[key]


def test_empty_board_makes_a_page() -> None:
    page = render_page(Leaderboard("full-1", [], {}))
    assert "No entries yet." in page
    assert 'id="biased"' not in page
    assert 'id="figures"' not in page


def test_axis_shows_every_interval_and_the_reference() -> None:
    entries = [entry(str(i), b95_ratio=Interval(r, r / 2, r * 1.5)) for i, r in enumerate((0.3, 1.0, 40.0))]
    axis = LogAxis.over(entries)
    ends = [end for one in entries for end in (one.b95_ratio.low, one.b95_ratio.high) if end]
    places = [axis.x(end) for end in sorted(ends)]
    assert places == sorted(set(places))
    assert 0 < places[0] < places[-1] < WIDTH
    assert 1.0 in axis.ticks()
    assert axis.x(16) - axis.x(4) == pytest.approx(axis.x(4) - axis.x(1), abs=1)


@pytest.mark.parametrize("high", [1.0, 3.0, 50.0, 1000.0])
def test_ticks_are_few_and_the_cap_is_an_arrow(high: float) -> None:
    axis = LogAxis.over([entry(b95_ratio=Interval(high, 0.9, high))])
    assert 2 <= len(axis.ticks()) <= 4
    assert axis.low <= 0.9
    assert axis.high >= high
    assert ("class=cap" in axis.bar(Interval(high, 0.9, high))) == (high == 1000.0)
    assert axis.bar(Interval()) == ""


def test_setups_are_written_once_and_told_apart() -> None:
    same = [entry("a"), entry("b"), entry("c", scorer={"date": "2031-05-06", "torch": "2.14.0"})]
    page = render_page(Leaderboard("quick-1", same, {}))
    assert page.count("2.13.0") == 1
    assert page.count("2.14.0") == 1
    assert page.count('<h3 id="s') == 2


def node(code: str) -> object:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    script = f"const page = require({json.dumps(str(SCRIPT))}); console.log(JSON.stringify({code}))"
    done = subprocess.run([program, "-e", script], capture_output=True, text=True, timeout=30, check=True)
    return json.loads(done.stdout)


def test_sort_keys_read_what_the_cells_say() -> None:
    cells = ["1.31", "≥1000", "–", "", "4–5", "= ei", "100%", "1.0e-5", "-0.5", "0", "−1.5", "+2"]
    found = node(f"{json.dumps(cells)}.map((text) => page.sortKey(text, true))")
    assert found == [1.31, 1000, None, None, 4, "= ei", 100, 1e-5, -0.5, 0, -1.5, 2]
    assert node('["ei", " – ", "3"].map((text) => page.sortKey(text, false))') == ["ei", None, "3"]


def test_missing_comes_last_in_both_directions() -> None:
    values = [None, 3, 1000, None, 0.5, 20]
    up = node(f"{json.dumps(values)}.sort((a, b) => page.compareKeys(a, b, 1))")
    down = node(f"{json.dumps(values)}.sort((a, b) => page.compareKeys(a, b, -1))")
    assert up == [0.5, 3, 20, 1000, None, None]
    assert down == [1000, 20, 3, 0.5, None, None]
    names = node('["s10", "s9", null, "Alpha", "beta"].sort((a, b) => page.compareKeys(a, b, 1))')
    assert names == ["Alpha", "beta", "s9", "s10", None]


DRIVER = """
const report = {};
const main = document.querySelector("#main table");
const names = () => Array.from(main.tBodies[0].rows, (row) => row.querySelector("th button").textContent);
const press = (text) => Array.from(main.querySelectorAll("thead button")).find((b) => b.textContent === text).click();
const sorted = () => Array.from(main.querySelectorAll("thead th"), (h) => h.getAttribute("aria-sort")).filter(Boolean);
report.start = [names(), sorted()];
press("B95"); report.up = [names(), sorted()];
press("B95"); report.down = [names(), sorted()];
press("Estimator"); report.name = [names(), sorted()];
press("Rank"); report.rank = names();
press("Solved"); report.solved = sorted();
const find = document.getElementById("find");
const type = (text) => {
  find.value = text;
  find.dispatchEvent(new Event("input", { bubbles: true }));
  return [
    Array.from(document.querySelectorAll("tbody tr:not([hidden]) th button"), (s) => s.textContent),
    Array.from(document.querySelectorAll("section.board:not([hidden])"), (s) => s.id),
    document.querySelector("[role=status]").textContent,
  ];
};
report.biased = type("BIASED grpo");
report.none = type("nobody has this");
report.all = type("")[0].length;
report.isBoxShown = find.offsetHeight > 0;
report.style = getComputedStyle(document.body).backgroundColor !== "rgba(0, 0, 0, 0)";
report.image = document.querySelector("figure img").naturalWidth;
const frame = document.querySelector("#main .frame");
const scroll = frame.querySelector(".scroll");
const hint = frame.previousElementSibling;
const settle = () => scroll.dispatchEvent(new Event("scroll"));
const widths = [];
for (const width of ["500px", "4000px"]) {
  frame.style.width = frame.style.maxWidth = width;
  scroll.scrollLeft = 0;
  settle();
  widths.push([frame.offsetWidth === parseInt(width), frame.classList.contains("more"), hint.offsetHeight > 0]);
}
frame.style.width = frame.style.maxWidth = "500px";
scroll.scrollLeft = 100000;
settle();
report.widths = widths;
report.end = [frame.classList.contains("more"), hint.offsetHeight > 0, hint.textContent];
document.title = JSON.stringify(report);
"""


def test_a_browser_sorts_and_filters(tmp_path: Path) -> None:
    if BROWSER is None:
        pytest.skip("no Chromium to open the page with")
    figure = tmp_path / "dot.png"
    figure.write_bytes(PNG)
    index = write_site(sample_board(), tmp_path / "site", figures=[figure])
    report = drive(index, tmp_path)
    start, aria = report["start"]
    assert start == ["ei_l2o", "all_subsets_centered", "passk_analytic", "pkpo_sloo_minus_one", "ei", "all_subsets"]
    assert aria == ["ascending"]
    assert report["up"] == [start, ["ascending"]]
    assert report["down"][1] == ["descending"]
    assert report["down"][0][:3] == ["all_subsets", "ei", "pkpo_sloo_minus_one"]
    assert report["name"] == [sorted(start), ["ascending"]]
    assert report["rank"] == start
    assert report["solved"] == ["descending"]
    assert report["biased"] == [["grpo"], ["biased"], "1 of 12 shown"]
    assert report["none"] == [[], [], "0 of 12 shown"]
    assert report["all"] == 12
    assert report["isBoxShown"]
    assert report["style"]
    assert report["image"] == 1
    assert report["widths"] == [[True, True, True], [True, False, False]]
    assert report["end"] == [False, True, "scroll for more columns →"]


def drive(index: Path, tmp_path: Path) -> dict[str, list]:
    """Run `DRIVER` in the page, its digest added to the page's own policy, and return what it puts into the title."""
    page = index.read_text(encoding="utf-8")
    driver = f'addEventListener("load", () => {{{DRIVER}}});'
    digest = base64.b64encode(hashlib.sha256(driver.encode()).digest()).decode()
    page = page.replace("script-src ", f"script-src 'sha256-{digest}' ").replace(' loading="lazy"', "")
    index.write_text(page.replace("</body>", f"<script>{driver}</script></body>"), encoding="utf-8")
    command = [str(BROWSER), "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync", "--dump-dom"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", index.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    title = re.search(r"<title>(.*?)</title>", done.stdout, flags=re.DOTALL)
    if title is None:
        pytest.skip(f"the browser does not start here: {done.stderr[-300:]}")
    return json.loads(title[1].replace("&quot;", '"').replace("&amp;", "&"))
