"""Which checkpoints are complete, and whose rollouts a process goes on with; without training."""

import json

import pytest

from maxpo_bench.llm.training import is_complete, last_complete_checkpoint
from maxpo_bench.llm.training.checkpoints import load_rollouts, save_rollouts


@pytest.fixture
def checkpoint(tmp_path):
    """A checkpoint that three processes wrote."""
    torch = pytest.importorskip("torch")
    folder = tmp_path / "checkpoint-4"
    folder.mkdir()
    for rank in range(3):
        save_rollouts(folder, rank, {"processes": 3, "step": 4, "buffer": [{"ids": torch.full((2,), rank)}]})
    (folder / "trainer_state.json").write_text(json.dumps({"global_step": 4}))
    return folder


def test_each_process_goes_on_with_its_own_rollouts(checkpoint):
    assert is_complete(checkpoint)
    for rank in range(3):
        state = load_rollouts(checkpoint, rank, 3)
        assert state is not None
        assert state["buffer"][0]["ids"].tolist() == [rank, rank]


@pytest.mark.parametrize("rank", [0, 1, 2])
def test_without_the_rollouts_of_a_process_a_checkpoint_is_not_complete(checkpoint, rank):
    (checkpoint / f"rollouts_{rank}.pt").unlink()
    assert not is_complete(checkpoint)
    assert last_complete_checkpoint(checkpoint.parent) is None


@pytest.mark.parametrize("rank", [1, 2])
def test_a_process_does_not_go_on_with_anothers_rollouts(checkpoint, rank):
    (checkpoint / f"rollouts_{rank}.pt").unlink()
    with pytest.raises(ValueError, match=rf"checkpoint-4 lacks rollouts_{rank}\.pt, the rollouts of process {rank}"):
        load_rollouts(checkpoint, rank, 3)
    assert load_rollouts(checkpoint, 0, 3) is not None


def test_another_number_of_processes_is_refused_in_each_of_them(checkpoint):
    for processes in (2, 4):
        for rank in range(processes):
            with pytest.raises(ValueError, match=f"was written by 3 processes, this run has {processes}"):
                load_rollouts(checkpoint, rank, processes)


def test_a_checkpoint_without_rollouts_is_another_trainers(checkpoint):
    for path in checkpoint.glob("rollouts_*"):
        path.unlink()
    assert load_rollouts(checkpoint, 1, 3) is None
