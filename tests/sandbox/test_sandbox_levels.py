"""Levels: what is offered, what is promised, and that less is refused, never taken instead."""

import os
import subprocess
import sys
from types import SimpleNamespace

import pytest
from sandbox_workers import ECHO, skip_unless_offered

from maxpo_bench.registry import UnknownNameError
from maxpo_bench.sandbox import LEVELS, PROMISED, PROTECTIONS, SandboxUnavailable, Worker, locking, offered, require
from maxpo_bench.sandbox.errors import clean
from maxpo_bench.sandbox.inside.lock import Lock
from maxpo_bench.sandbox.locking import Report
from maxpo_bench.sandbox.protections import next_level, plain
from maxpo_bench.sandbox.readable import places


def test_the_offer_covers_every_level_and_protection():
    offer = offered()
    assert tuple(offer.levels) == LEVELS
    assert set(offer.protections) == set(PROTECTIONS)
    assert offer.strongest == next(level for level in LEVELS if offer.levels[level] is None)
    assert offered() is offer
    for level in LEVELS:
        if offer.levels[level] is None:
            require(level)


def test_stronger_levels_promise_more():
    assert PROMISED["none"] < PROMISED["basic"] < PROMISED["strict"] <= set(PROTECTIONS)
    assert [next_level(level) for level in LEVELS] == ["basic", "none", None]


@pytest.mark.parametrize("level", LEVELS)
def test_a_worker_reports_what_its_level_promises(light, level):
    worker = light(ECHO, level=level)
    assert {plain(name) for name in worker.protections} >= PROMISED[level]
    assert worker.level == level
    if level == "strict":
        assert {plain(name) for name in worker.protections} == {
            name for name, reason in offered().protections.items() if reason is None
        }


@pytest.mark.parametrize("ask", [require, lambda level: Worker(b"", level=level)])
def test_an_unknown_level_is_refused_with_the_nearest(ask):
    with pytest.raises(UnknownNameError, match=r"unknown sandbox level 'strickt'. Did you mean 'strict'"):
        ask("strickt")


def test_nothing_runs_where_a_promise_is_not_kept(light, monkeypatch, tmp_path):
    monkeypatch.setitem(PROMISED, "none", frozenset({"seccomp"}))
    target = tmp_path / "ran"
    with pytest.raises(SandboxUnavailable, match=r"does not reach sandbox level 'none': seccomp \(not reported\)"):
        light(f"open({str(target)!r}, 'w')", level="none")
    assert not target.exists()


def test_the_kernels_account_outweighs_the_workers():
    """This process is not locked, whatever a report says."""
    found = locking._contradicted(os.getpid())
    assert {"seccomp", "no new privileges"} <= set(found)
    report = Report(("seccomp", "Landlock (ABI 7)"), {}).corrected(found)
    assert report.reached == ("Landlock (ABI 7)",)
    assert report.lacks("strict")["seccomp"] == "the kernel's Seccomp is 0, expected 2"
    assert locking._contradicted(2**22 + 1) == {}


WITHOUT = """
import ctypes, sys
from maxpo_bench.sandbox.inside import libc, seccomp
libc.prctl(libc.PR_SET_NO_NEW_PRIVS, 1)
code = [(0x20, 0, 0, 0)]
for number in {numbers}:
    code += [(0x15, 0, 1, number), (0x06, 0, 0, 0x00050000 | {error})]
seccomp.install([*code, (0x06, 0, 0, seccomp.ALLOW)])
import numpy as np
from sandbox_workers import light_workers, REWARDS, ECHO
import pytest
from maxpo_bench.sandbox import SandboxError, offered, require
offer = offered()
print(offer.strongest, offer.levels["strict"], sep="|")
with pytest.MonkeyPatch.context() as patch:
    start = next(light_workers(patch))
    import sandbox_workers
    sandbox_workers.skip_unless_offered = lambda level: None
    for level in ("strict", "basic"):
        try:
            worker = start(ECHO, level=level)
        except SandboxError as error:
            print(type(error).__name__, error)
        else:
            print(level, worker.protections, (worker.call(REWARDS, 2).values == REWARDS).all())
try:
    require("strict")
except SandboxError as error:
    print(error)
"""


def on_a_kernel_without(numbers, error):
    """Lines printed by a process for which these system calls fail, as they do on older kernels and in containers."""
    skip_unless_offered("strict")
    found = subprocess.run(
        [sys.executable, "-c", WITHOUT.format(numbers=numbers, error=error)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": os.path.dirname(__file__)},
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.splitlines()


@pytest.mark.parametrize(
    ("numbers", "name"), [([444], "Landlock"), ([317], "seccomp"), ([157, 317], "no new privileges")]
)
def test_strict_refuses_where_the_kernel_offers_less(numbers, name):
    offer, strict, basic, required = on_a_kernel_without(numbers, 38)
    assert offer.startswith("basic|")
    assert f"{name}: " in offer
    assert strict.startswith("SandboxUnavailable this system does not reach sandbox level 'strict': ")
    assert f"{name} (Function not implemented)" in strict or f"{name} (" in strict
    assert strict.endswith("; the next level is 'basic', which protects from less")
    assert basic.startswith("basic ('clean environment', 'resource limits', ")
    assert basic.endswith(" True")
    assert "'strict'" in required


def test_strict_does_without_namespaces_where_there_are_none():
    """Containers refuse them to ordinary users; the calls that they would guard are refused all the same."""
    offer, strict, _ = on_a_kernel_without([272], 1)
    assert offer.startswith("strict|None")
    assert strict.startswith("strict (")
    assert "namespaces" not in strict
    assert "thread limit" not in strict


@pytest.mark.parametrize("machine", ["aarch64", "i686"])
def test_another_machine_is_named(monkeypatch, machine):
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    with pytest.raises(OSError, match=f"known for 64 bits of x86_64 only, this is {machine}"):
        Lock({"level": "strict"})._restrict_calls()


def test_another_system_offers_no_level(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    offered.cache_clear()
    try:
        offer = offered()
    finally:
        offered.cache_clear()
    assert offer.strongest is None
    assert set(offer.levels.values()) == set(offer.protections.values())
    assert all(str(reason).startswith("the sandbox needs Linux, this is darwin") for reason in offer.levels.values())


def test_places_hold_neither_the_current_folder_nor_a_scripts(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", str(tmp_path), *sys.path])
    places.cache_clear()
    try:
        found = places()
    finally:
        places.cache_clear()
    assert str(tmp_path) not in {*found.import_paths, *found.readable}
    assert found.package.endswith("maxpo_bench")
    assert all(os.path.isabs(path) for path in found.readable)
    assert not {"/", "/etc", "/home", "/root", "/tmp", "/usr", "/proc", "/dev", os.path.expanduser("~")} & {
        os.path.normpath(path) for path in found.readable
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("two\nlines\r\n", "two lines"),
        ("\x1b[2J\x07bell", "[2J bell"),
        ("a\u202eb\u2028c\u200bd", "a b c d"),
        ("\x9b31m", "31m"),
        ("x" * 301, "x" * 297 + "..."),
        ("x" * 300, "x" * 300),
    ],
)
def test_foreign_text_becomes_one_printable_line(text, expected):
    assert clean(text) == expected
    assert clean(text).isprintable()
