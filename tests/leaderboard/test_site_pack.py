"""Evidence in the page: light, rounded by no more than it says, written once where it is shared, read back alike."""

import base64
import json
import math
import random
import shutil
import subprocess
import zlib
from pathlib import Path
from typing import Any

import pytest
from leaderboard_samples import entry, sample_board
from site_samples import FAMILIES, GROUPS, LABELS, PAIRS, synthetic_evidence, synthetic_site

from maxpo_bench.leaderboard.entry import Leaderboard
from maxpo_bench.leaderboard.site import render_page
from maxpo_bench.leaderboard.site_pack import TOP, Shared, characters, contents, levels, packed, shortened

PAGE = Path(__file__).parents[2] / "maxpo_bench" / "leaderboard" / "page"


def unpacked(text: str) -> dict[str, Any]:
    return json.loads(zlib.decompress(base64.b85decode(text), -15))


def node(code: str) -> Any:
    program = shutil.which("node")
    if program is None:
        pytest.skip("node is not installed")
    script = f"const page = require({json.dumps(str(PAGE / 'evidence.js'))}); (async () => console.log({code}))();"
    done = subprocess.run([program, "-"], input=script, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def one_entry(kind: str = "exact", **changes: Any) -> tuple[Leaderboard, dict[str, dict[str, Any]]]:
    board = Leaderboard("quick-1", [entry("mine", kind)], {})
    return board, {"mine": synthetic_evidence(board.entries[0], ["mine"], random.Random(2)) | changes}


def test_five_hundred_entries_with_all_their_evidence_weigh_less_than_300_kb() -> None:
    board, evidence = synthetic_site(500)
    page = render_page(board, evidence=evidence, title="The max@K leaderboard").encode()
    assert len(page) < 300_000
    kept = unpacked(packed(board, evidence))
    for column in ("certificates", "eta", "learning", "byFamily", "language", "relatives", "provenance", "commands"):
        assert len(kept[column]) == 500
        assert all(kept[column]), column
    assert sum(map(bool, kept["verification"])) == sum(one.status == "verified" for one in board.entries) > 200


def test_the_same_evidence_gives_the_same_text_and_nothing_that_ends_a_script() -> None:
    board, evidence = synthetic_site(60)
    text = packed(board, evidence)
    assert text == packed(board, evidence)
    assert not set(text) & set("\"'/\\ \n,.:[]")
    assert unpacked(text) == contents(board, evidence)


def test_levels_lie_between_the_ends() -> None:
    assert levels([0.0, 1.0, 0.5, None, -3.0, 9.0], 0.0, 1.0) == [0, TOP, 44, 90, 0, TOP]
    rng = random.Random(1)
    values = [rng.uniform(-2, 5) for _ in range(500)]
    back = [-2 + level / TOP * 7 for level in levels(values, -2, 5)]
    assert back == pytest.approx(values, abs=7 / TOP / 2 + 1e-12)


def test_characters_need_no_escape_in_json() -> None:
    text = "".join(characters([level], near=[0]) for level in range(91))
    assert len(set(text)) == 91
    assert json.dumps(text) == f'"{text}"'


@pytest.mark.parametrize("seed", range(3))
def test_the_script_reads_levels_back(seed: int) -> None:
    rng = random.Random(seed)
    curve, near = ([rng.randrange(91) for _ in range(200)] for _ in range(2))
    texts = json.dumps([characters(curve), characters(curve, near), characters(curve, [0] * 200)])
    code = f"JSON.stringify((([a, b, c]) => [page.toLevels(a), page.toLevels(b, {near}), "
    code += f"page.toLevels(c, {[0] * 200})])({texts}))"
    assert node(code) == [curve, curve, curve]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 4, 5, 6, 7, 255, 1024])
def test_the_script_reads_base_85(size: int) -> None:
    data = random.Random(size).randbytes(size) if size else b""
    text = base64.b85encode(data).decode()
    assert node(f"JSON.stringify(Array.from(page.fromBase85({json.dumps(text)})))") == list(data)


def test_the_script_unpacks_everything() -> None:
    board, evidence = synthetic_site(40)
    code = f"JSON.stringify(await page.unpack({json.dumps(packed(board, evidence))}))"
    assert node(code) == contents(board, evidence)


def test_what_decides_a_certificate_is_kept_and_never_rounded_up_to_one() -> None:
    board, evidence = one_entry("biased")
    pair = evidence["mine"]["certificate"][0]
    for one, cosine in zip(pair["instances"], (0.99999, -0.99999, 0.5, 0.0, None, 1.0, -1.0), strict=True):
        one["cosine"] = cosine
    shape, kinds, _, _, deciding = contents(board, evidence)["certificates"][0]
    assert (shape, kinds) == (0, "b" * len(PAIRS))
    assert deciding[0] == "".join(map(chr, (36, 234, 85, 135))) + " " + chr(35) + chr(235)
    assert contents(board, evidence)["shapes"] == [[[n, k, LABELS] for n, k in PAIRS]]
    board, evidence = one_entry("direction")
    constants = [float(f"{one['constant']:.3g}") for one in evidence["mine"]["certificate"][0]["instances"]]
    assert contents(board, evidence)["certificates"][0][4][0] == constants
    board, evidence = one_entry("exact")
    assert contents(board, evidence)["certificates"][0][4] == [0] * len(PAIRS)
    evidence["mine"]["certificate"][0]["instances"][2]["residual"] = 3.14e-10
    assert contents(board, evidence)["certificates"][0][4][0][2] == 3.14e-10


def test_missing_evidence_is_missing_and_not_zero() -> None:
    names = [one.name for one in sample_board().entries]
    bare = contents(sample_board(), {})
    for column in ("certificates", "eta", "learning", "byFamily", "language", "verification"):
        assert bare[column] == [0] * len(names)
    nothing = dict.fromkeys(("certificate", "families", "learning", "language_model", "relatives", "verification"))
    board, evidence = one_entry(**nothing, eta={"groups": GROUPS, "share": None, "reference": None})
    found = contents(board, evidence)
    assert [found[column] for column in ("certificates", "eta", "learning", "byFamily")] == [[0]] * 4
    assert (found["relatives"], found["verification"]) == ([[]], [0])


def test_gaps_in_curves_stay_gaps() -> None:
    board, evidence = one_entry()
    curve = evidence["mine"]["learning"]
    curve["low"] = [None] * len(curve["low"])
    for cell in evidence["mine"]["families"][:3]:
        cell["b95_ratio"] = None
    read = f"page.evidenceOf({json.dumps(contents(board, evidence))}, ['mine'], 0)"
    found = node(f"JSON.stringify({read})")
    assert found["learning"]["low"] == [None] * 16
    assert None not in found["learning"]["mean"]
    rows = {row["name"]: row["logs"] for row in found["families"]["rows"]}
    assert rows[FAMILIES[0]][:3] == [None] * 3
    assert None not in rows[FAMILIES[1]]


def test_the_cap_stays_the_cap() -> None:
    board, evidence = one_entry()
    for at, cell in enumerate(evidence["mine"]["families"]):
        cell["b95_ratio"] = 1000.0 if at % 2 else 1.3
    read = f"page.evidenceOf({json.dumps(contents(board, evidence))}, ['mine'], 0)"
    logs = node(f"JSON.stringify({read})")["families"]["rows"][0]["logs"]
    assert max(logs) == pytest.approx(math.log2(1000), abs=1e-3)
    for cell in evidence["mine"]["families"]:
        cell["b95_ratio"] = 1.0
    assert contents(board, evidence)["byFamily"][0][1:3] == [0.0, 0.1]


def test_long_digests_are_cut_and_moments_are_days() -> None:
    assert shortened("ab" * 32) == "abababababab…"
    assert shortened(f"commit {'0a' * 20} of it") == "commit 0a0a0a0a0a0a… of it"
    assert shortened("2031-02-03T04:05:06Z") == "2031-02-03"
    assert shortened("2031-02-03T04:05:06.5+01:00") == "2031-02-03"
    assert shortened("an ordinary 2031-02-03T04 text") == "an ordinary 2031-02-03T04 text"


def test_values_are_kept_once() -> None:
    shared = Shared()
    assert [shared.number(value) for value in (["a", 1], "b", ["a", 1], None, "b")] == [0, 1, 0, 2, 1]
    assert shared.items == [["a", 1], "b", None]
