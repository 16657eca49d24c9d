"""The language model's part of the GPU's script: a smoke run on the CPU, bars, and a machine without TRL."""

from __future__ import annotations

import sys

import gpu_llm
import pytest
import run as gpu_run
import torch
from transformers import LlamaConfig, LlamaForCausalLM

pytestmark = pytest.mark.filterwarnings("ignore:.*will be removed in v6:FutureWarning")


def test_both_trainers_take_all_steps_on_the_same_model() -> None:
    rows, bars = gpu_llm.measure("tiny", "cpu", steps=2, blocks=1, groups=1, tokens=4)
    assert [(row["name"], row["steps"], row["completions"]) for row in rows] == [("TRL", 2, 8), ("ours", 2, 8)]
    assert rows[0]["parameters"] == rows[1]["parameters"] > 0
    for row in rows:
        assert row["tokens_per_second"] == pytest.approx(8 * 4 / row["median_s"])
    assert bars[0].found == pytest.approx(rows[1]["median_s"] / rows[0]["median_s"])
    assert bars[1].is_met is None


def test_bars_are_ours_over_trls() -> None:
    row = {"size": "0.1B", "name": "TRL", "median_s": 2.0, "peak_gib": 8.0}
    bars = gpu_llm.bars_of([row, row | {"name": "ours", "median_s": 2.01, "peak_gib": 8.1}])
    assert [bar.found for bar in bars] == pytest.approx([1.005, 1.0125])
    assert [bar.is_met for bar in bars] == [True, False]


def test_a_machine_without_trl_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "maxpo_bench.llm.training.trainer", None)
    rows, bars, absent = gpu_run.fine_tune("0.1B")
    assert (rows, bars) == ([], [])
    assert "trl cannot be imported" in absent["language model"]
    assert gpu_llm.main([]) == 2
    assert "nothing was measured: trl cannot be imported" in capsys.readouterr().err
    assert gpu_run.fine_tune("none")[2] == {"language model": "not asked for"}


def test_sizes_are_a_tenth_and_half_a_billion() -> None:
    for size, billions in (("0.1B", 0.134), ("0.5B", 0.501)):
        with torch.device("meta"):
            model = LlamaForCausalLM(LlamaConfig(vocab_size=gpu_llm.VOCABULARY[size], **gpu_llm.SIZES[size]))
        assert sum(value.numel() for value in model.parameters()) == pytest.approx(billions * 1e9, rel=0.01)
