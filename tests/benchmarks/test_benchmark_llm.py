"""The language model's script on a tiny size: arguments, what counts as ours, and the structure of what it writes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import llm_benchmark
import llm_steps
import pytest

pytestmark = pytest.mark.filterwarnings("ignore:.*will be removed in v6:FutureWarning")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--group-size", "4"], "at least 5"), (["--rounds", "1"], "at least 2"), (["--groups", "0"], "at least 1")],
)
def test_wrong_arguments(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        llm_benchmark.parse(arguments)
    assert message in capsys.readouterr().err


def test_the_script_is_started_by_its_name() -> None:
    script = Path(__file__).resolve().parents[2] / "benchmarks" / "llm.py"
    done = subprocess.run([sys.executable, str(script), "--help"], capture_output=True, text=True, check=True)
    assert "python benchmarks/llm.py --out results/benchmarks" in done.stdout


def test_defaults_are_the_size_of_the_bars() -> None:
    options = llm_benchmark.parse([])
    assert options.groups * options.group_size == 512


def test_what_trl_takes_itself_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a clock of its own: TRL's loss takes 10, the scoring inside it 4, ours 0.5 there and 1 around the loss."""
    now = [0.0]
    monkeypatch.setattr(llm_steps.time, "perf_counter", lambda: now[0])

    def takes(seconds: float) -> None:
        now[0] += seconds

    def score(self) -> tuple[str, None, None]:
        takes(4)
        return "logps", None, None

    def loss(self, model, inputs) -> str:
        takes(6)
        self._get_per_token_logps_and_entropies()
        return "loss"

    def our_loss(self, model, inputs) -> str:
        takes(1)
        return super(llm_steps.EstimatorGRPOTrainer, self)._compute_loss(model, inputs)

    def our_score(self) -> tuple[str, None, None]:
        takes(0.5)
        return super(llm_steps.EstimatorGRPOTrainer, self)._get_per_token_logps_and_entropies()

    monkeypatch.setattr(llm_steps.GRPOTrainer, "_compute_loss", loss)
    monkeypatch.setattr(llm_steps.GRPOTrainer, "_get_per_token_logps_and_entropies", score)
    monkeypatch.setattr(llm_steps.EstimatorGRPOTrainer, "_compute_loss", our_loss)
    monkeypatch.setattr(llm_steps.EstimatorGRPOTrainer, "_get_per_token_logps_and_entropies", our_score)
    trainer = llm_steps.HookClock.__new__(llm_steps.HookClock)
    with llm_steps.their_times():
        for times in (1, 2):
            assert trainer._compute_loss(None, {}) == "loss"
            assert trainer.hook == pytest.approx(1.5 * times)
    assert llm_steps.GRPOTrainer._compute_loss is loss


def test_report(tmp_path: Path) -> None:
    small = ["--rounds", "2", "--steps", "2", "--groups", "1", "--group-size", "5", "--pretraining-steps", "1"]
    code = llm_benchmark.main([*small, "--cache", str(tmp_path / "cache"), "--out", str(tmp_path)])
    report = json.loads((tmp_path / "llm.json").read_text())
    assert [row["name"] for row in report["contestants"]] == list(llm_steps.WORDS)
    rows = {row["name"]: row for row in report["contestants"]}
    assert all(row["calls"] == 4 and row["median_s"] > 0 for row in rows.values())
    trainers = [rows[name]["tokens_per_completion"] for name in (llm_steps.PLAIN, llm_steps.OURS, llm_steps.LOGGED)]
    assert trainers == [trainers[0]] * 3, "the trainers draw the same completions"
    limits = {bar["what"]: bar["limit"] for bar in report["bars"]}
    assert list(limits.values()) == [1.01, 0.01, 0.5]
    assert code == int(not all(bar["is_met"] for bar in report["bars"]))
    for name, share in report["share of the step in our methods"].items():
        assert 0 < share["low"] <= share["median"] <= share["high"] < 1, name


def test_intervals_hold_the_median() -> None:
    found = llm_benchmark.interval([1.0, 2.0, 3.0, 4.0, 100.0], seed=0)
    assert found["low"] < found["median"] == 3.0 < found["high"]
    assert found == llm_benchmark.interval([1.0, 2.0, 3.0, 4.0, 100.0], seed=0)
