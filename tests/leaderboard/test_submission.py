import os

import pytest
import torch

from maxpo_bench.estimators import ei_l2o
from maxpo_bench.leaderboard.submission import Metadata, SubmissionError, built_in, from_function, load_submission

GOOD = '''"""Twice the canonical advantage.

scale: 1
min_group_size: k+1
authors: somebody
"""
from maxpo_bench.estimators import ei_l2o

def advantages(rewards, k):
    return 2 * ei_l2o(rewards, k)
'''


def write(tmp_path, text, name="mine.py"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_single_file_declares_itself_in_its_docstring(tmp_path):
    candidate = load_submission(write(tmp_path, GOOD))
    assert candidate.metadata == Metadata(
        name="mine", summary="Twice the canonical advantage.", scale="1", authors="somebody"
    )
    rewards = torch.tensor([[0.0, 1.0, 3.0]], dtype=torch.float64)
    assert torch.equal(candidate.build(2)(rewards), 2 * ei_l2o(rewards, 2))
    assert candidate.origin == "submission"
    assert len(candidate.digest) == 64


def test_flags_override_the_file(tmp_path):
    candidate = load_submission(write(tmp_path, GOOD), scale="K/n", name="other", domain=None)
    assert (candidate.metadata.scale, candidate.name, candidate.metadata.domain) == ("K/n", "other", "real")


def test_folder_with_toml(tmp_path):
    folder = tmp_path / "entry"
    folder.mkdir()
    write(folder, GOOD.replace("scale: 1", ""), "submission.py")
    toml = folder / "submission.toml"
    toml.write_text('schema_version = 1\nname = "from_toml"\nscale = "1"\nmin_group_size = 4\nmin_k = 2\n')
    candidate = load_submission(folder)
    assert (candidate.name, candidate.metadata.scale, candidate.metadata.min_k) == ("from_toml", "1", 2)
    assert candidate.smallest_group(2) == 4
    before = candidate.digest
    toml.write_text(toml.read_text() + 'licence = "MIT"\n')
    assert load_submission(folder).digest != before


def test_factory_is_called_once_per_k(tmp_path):
    text = "made = []\ndef make_advantages(k):\n    made.append(k)\n    return lambda rewards: rewards * k\n"
    candidate = load_submission(write(tmp_path, text))
    estimator = candidate.build(3)
    rewards = torch.ones(1, 4, dtype=torch.float64)
    assert torch.equal(estimator(rewards), 3 * rewards)
    assert torch.equal(candidate.raw(rewards, 2), 2 * rewards)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def advantages(:\n", "not valid Python"),
        ("advantages = None\nraise RuntimeError('boom')\n", "cannot be imported: RuntimeError: boom"),
        ("x = 1\n", "define `def advantages"),
        ("advantages = 1\n", "neither advantages nor make_advantages is a function"),
        ('"""S.\n\ntrack: other\n"""\ndef advantages(r, k): return r\n', "track must be one of stateless, stateful"),
        ('"""S.\x1b[31m"""\ndef advantages(r, k): return r\n', "summary holds the invisible character"),
        ("advantages = 1  #" + "x" * 1_000_000, "more than 1000000 bytes"),
        ('"""S.\n\nscale: n/K\n"""\ndef advantages(r, k): return r\n', "scale must be one of K/n, 1, got 'n/K'"),
        ('"""S.\n\nname: Bad Name\n"""\ndef advantages(r, k): return r\n', "must be lower-case"),
        ('"""S.\n\nname: ei_l2o\n"""\ndef advantages(r, k): return r\n', "is a built-in estimator's name"),
        ('"""S.\n\nmin_k: two\n"""\ndef advantages(r, k): return r\n', "min_k must be a whole number"),
        ('"""S.\n\nmin_group_size: 2k\n"""\ndef advantages(r, k): return r\n', "min_group_size must be"),
    ],
)
def test_faulty_files_are_refused_with_the_reason(tmp_path, text, words):
    with pytest.raises(SubmissionError, match=words.replace("(", r"\(")):
        load_submission(write(tmp_path, text))


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("schema_version = 1\nscal = '1'\n", "unknown key 'scal'. Did you mean 'scale'"),
        ("name = 'x'\n", "schema_version must be 1"),
        ("schema_version = 1\nname = [1]\n", "name must be a string"),
        ("schema_version = \n", "not valid TOML"),
    ],
)
def test_faulty_toml_is_refused_with_the_reason(tmp_path, toml, words):
    write(tmp_path, GOOD, "submission.py")
    (tmp_path / "submission.toml").write_text(toml)
    with pytest.raises(SubmissionError, match=words):
        load_submission(tmp_path)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "submission.py").symlink_to("pipe")
    with pytest.raises(SubmissionError, match="no such Python file"):
        load_submission(tmp_path)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(SubmissionError, match="no such Python file"):
        load_submission(tmp_path / "absent.py")


def test_built_in_takes_its_properties_from_the_registry():
    candidate = built_in("maxpo")
    assert (candidate.name, candidate.metadata.scale, candidate.origin) == ("ei_l2o", "K/n", "built-in")
    assert candidate.smallest_group(4) == 5


def test_function_without_source_is_refused():
    with pytest.raises(SubmissionError, match="has no hash"):
        from_function(eval("lambda rewards, k: rewards"), Metadata(name="anonymous"))
