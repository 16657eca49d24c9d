import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from trl_tiny import expected_advantages, save_tiny_model

from maxpo_bench.estimators import get_estimator

SCRIPT = Path(__file__).with_name("trl_two_processes.py")


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("processes")
    save_tiny_model(folder / "model")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    done = subprocess.run([*launcher, str(SCRIPT), str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-4000:]
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


def test_advantages_are_the_estimators_on_groups_that_two_processes_share(launched):
    _, found = launched
    unscorable = 0
    for mine, theirs in zip(*(part["advantages"]["generations"] for part in found), strict=True):
        texts, wanted = mine["texts"] + theirs["texts"], mine["wanted"] + theirs["wanted"]
        assert len(set(wanted)) == 1, "one group in two processes"
        expected = expected_advantages(get_estimator("maxpo", 4), texts, wanted)
        assert torch.equal(torch.tensor(mine["advantages"] + theirs["advantages"]), expected)
        assert mine["table"][-len(texts) :] == theirs["table"][-len(texts) :] == expected.tolist()
        unscorable += sum(":" in text for text in texts)
    assert unscorable > 0


def test_statistics_are_those_of_all_processes(launched):
    _, found = launched
    for mine, theirs in zip(*(part["advantages"]["history"] for part in found), strict=True):
        for name in ("reward", "reward_max_at_k", "dead_groups", "centring", "unscorable", "grad_norm"):
            assert mine[name] == theirs[name]


def test_two_processes_go_on_exactly_and_log_each_step_once(launched):
    folder, found = launched
    assert [part["resumed"] for part in found] == [True, True]
    log = [json.loads(line) for line in (folder / "resumed" / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in log] == list(range(1, 10))


def test_the_proxy_of_sharded_states_is_that_of_whole_ones(launched):
    _, found = launched
    assert found[0]["proxies"] == found[1]["proxies"]
    whole = found[0]["proxies"].pop("whole")
    assert whole > 0
    assert list(found[0]["proxies"].values()) == pytest.approx([whole] * 3, rel=1e-5)
