"""The generic registry: names, aliases, and errors that help."""

from __future__ import annotations

import pytest

from maxpo_bench.registry import Registry, UnknownNameError, suggest


@pytest.fixture
def shelf() -> Registry[int]:
    registry: Registry[int] = Registry("book")
    registry.register("dune", 1, aliases=("arrakis", "spice"))
    registry.register("emma", 2)
    return registry


def test_entries_are_found_by_name_and_alias(shelf: Registry[int]) -> None:
    assert shelf.get("dune") == shelf.get("spice") == 1
    assert shelf.canonical("arrakis") == shelf.canonical("dune") == "dune"
    assert shelf.names() == list(shelf) == ["dune", "emma"]
    assert shelf.aliases("dune") == ["arrakis", "spice"]
    assert shelf.aliases("emma") == []
    assert len(shelf) == 2
    assert "spice" in shelf
    assert "sand" not in shelf
    assert 3 not in shelf


def test_register_returns_the_entry(shelf: Registry[int]) -> None:
    assert shelf.register("ulysses", 7) == 7


@pytest.mark.parametrize(
    ("name", "aliases"),
    [("dune", ()), ("spice", ()), ("new", ("emma",)), ("new", ("arrakis",)), ("new", ("new",)), ("new", ("a", "a"))],
)
def test_a_name_that_is_taken_raises_and_changes_nothing(
    shelf: Registry[int], name: str, aliases: tuple[str, ...]
) -> None:
    with pytest.raises(ValueError, match=r"book '.*' is registered already: choose another name"):
        shelf.register(name, 3, aliases=aliases)
    assert shelf.names() == ["dune", "emma"]
    assert "new" not in shelf
    assert "a" not in shelf


def test_unregistering_frees_the_name_and_its_aliases(shelf: Registry[int]) -> None:
    shelf.unregister("dune")
    assert "spice" not in shelf
    assert shelf.register("spice", 5) == 5
    assert shelf.get("emma") == 2


@pytest.mark.parametrize("name", ["spice", "nothing"])
def test_only_names_can_be_unregistered(shelf: Registry[int], name: str) -> None:
    with pytest.raises(UnknownNameError, match="unknown book"):
        shelf.unregister(name)
    assert len(shelf) == 2


def test_unknown_names_suggest_the_nearest(shelf: Registry[int]) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown book 'dunes'\. Did you mean 'dune'\?"):
        shelf.get("dunes")
    with pytest.raises(UnknownNameError, match=r"Did you mean 'spice'\?"):
        shelf.canonical("SPICY")
    with pytest.raises(UnknownNameError, match="Known: arrakis, dune, emma, spice"):
        shelf.get("xyzzy")
    assert issubclass(UnknownNameError, ValueError)


def test_suggest() -> None:
    assert suggest("grop", ["grpo", "ei"]) == " Did you mean 'grpo'?"
    assert suggest("zzz", ["b", "a"]) == " Known: a, b."
    assert suggest("zzz", []) == ""
    assert suggest("grop", ["grpo", "ei", "grpo"]) == " Did you mean 'grpo'?"
    assert suggest("zzz", ["a", "b", "a"]) == " Known: a, b."
