"""The estimators' script on tiny sizes: arguments, and the structure of what it writes."""

from __future__ import annotations

import json
from pathlib import Path

import estimators
import pytest
from contestants import AUTOMATIC, PKPO, SORT, VERL_PASSK


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--sizes", "1024"], "is not GROUPSxN"),
        (["--sizes", "0x8"], "is not GROUPSxN"),
        (["--sizes", "4x7"], "at least 8 samples"),
        (["--rounds", "0"], "at least 1"),
    ],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        estimators.parse(arguments)
    assert message in capsys.readouterr().err


def test_defaults_are_the_sizes_of_the_bars() -> None:
    assert estimators.parse([]).sizes == [(1024, 8), (1024, 16), (256, 64), (64, 256), (16, 1024), (1, 16384)]


def test_estimators_report(tmp_path: Path) -> None:
    small = ["--sizes", "3x8", "2x16", "--error-sizes", "8", "--rounds", "2", "--budget", "0.05"]
    estimators.main([*small, "--out", str(tmp_path)])
    report = json.loads((tmp_path / "estimators.json").read_text())
    times = {(row["name"], row["groups"], row["n"], row["k"]): row for row in report["times"]}
    assert times[SORT, 3, 8, None]["over_sort"] == 1.0
    ours = times[AUTOMATIC, 2, 16, 8]
    assert ours["over_ours"]["k=8"] == 1.0
    assert ours["q25_s"] <= ours["median_s"] <= ours["q75_s"]
    loop = times[PKPO, 2, 16, 4]
    assert loop["over_ours"]["k=4"] == pytest.approx(loop["median_s"] / times[AUTOMATIC, 2, 16, 4]["median_s"])
    assert all(difference <= estimators.TOLERANCE for difference in report["differences from our op"].values())
    bars = {bar["what"]: bar for bar in report["bars"]}
    assert bars["torch path over torch.sort, 3x8, K=4"]["limit"] == 2.2
    assert bars["PKPO loop over ours, 2x16, K=8"]["is_met"] is not None
    verl = bars["verl pass@k over ours, 2x16, K=8"]
    assert (verl["found"] is None) == (VERL_PASSK in report["not measured"])
    assert bars["largest error, float64, Cauchy"]["is_met"] is True
    assert (tmp_path / "estimators.png").stat().st_size > 10_000
