"""The zoo's table is complete, and covers what it must."""

import ast

import pytest
import zoo_table
from zoo_table import AUDIT, CERTIFICATES, ERRORS, GROUPS, SCORED, ZOO, Animal

from maxpo_bench.leaderboard.contract import CHECKS

ANIMALS = zoo_table.read()
REQUIRED = {
    "hostile": """reads_file lists_folder reads_parent_environment opens_tcp opens_udp opens_unix_socket
        opens_abstract_socket forks thread_bomb daemonises executes kills_parent traces_parent changes_parent_limits
        allocates_memory loops_forever sleeps_forever exits_politely exits_at_once segfaults writes_to_every_descriptor
        forges_reply prints_without_end patches_torch patches_time patches_struct""",
    "faulty": """raises_at_import raises_on_constant_group returns_nan returns_inf wrong_shape wrong_dtype integer_dtype
        returns_list caches_by_input keeps_count random_numbers pools_groups modifies_input position_dependent
        terminal_codes_in_docstring reversed_name builtin_name broken_toml no_function syntax_error""",
    "misleading": """honest_where_tied honest_in_small_batches honest_in_large_batches honest_on_small_groups vanishing
        zero constant k_minus_one half_k reinforce scaled_copy near_copy renamed_ei_l1o html_in_docstring""",
    "honest": "numpy_quarter torch_loop pure_python slow factory per_k_tables uses_package binary_only scale_one",
}


@pytest.mark.parametrize("group", GROUPS)
def test_every_file_has_a_verdict_and_every_verdict_a_file(group):
    files = {path.stem for path in (ZOO / group).iterdir() if path.name != "__pycache__"}
    assert files == {animal.name for animal in ANIMALS if animal.group == group}
    assert set(REQUIRED[group].split()) <= files


def test_names_are_unique_and_enough_are_hostile_or_faulty():
    names = [animal.name for animal in ANIMALS]
    assert len(set(names)) == len(names)
    assert sum(animal.group in ("hostile", "faulty") for animal in ANIMALS) >= 30


@pytest.mark.parametrize("animal", ANIMALS, ids=str)
def test_each_says_what_it_tries_and_has_one_verdict(animal: Animal):
    source = animal.path / "submission.py" if animal.path.is_dir() else animal.path
    if source.suffix == ".py":
        assert ast.get_docstring(ast.parse(source.read_text(encoding="utf-8")))
    assert [bool(animal.certificate), bool(animal.error), bool(animal.fails)].count(True) == 1
    assert animal.certificate in ("", *CERTIFICATES)
    assert animal.error in ("", *ERRORS)
    assert animal.fails in ("", AUDIT, *CHECKS)
    assert animal.scored in ("", *SCORED)
    assert bool(animal.linked_to) == (animal.scored == "copy")
    assert animal.words or animal.certificate
