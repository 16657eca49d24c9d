"""Plant faults in a copy of the package and see that a test notices each of them.

python benchmarks/mutations.py        (about ten minutes on two cores)
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Mutation:
    """A fault: ``old`` becomes ``new`` in ``file``; ``tests`` should notice."""

    what: str
    file: str
    old: str
    new: str
    tests: str


MUTATIONS = (
    Mutation(
        "centring dropped",
        "estimators/gaps.py",
        "return by_rank - by_rank.mean(-1, keepdim=True)",
        "return by_rank",
        "tests/estimators",
    ),
    Mutation(
        "K off by one in the weights",
        "estimators/gap_form.py",
        "return ratios(n - 1, k - 1)[1:]",
        "return ratios(n - 1, k)[1:]",
        "tests/estimators",
    ),
    Mutation(
        "canonical scale n/(n-K) lost",
        "estimators/gaps.py",
        "[:-1] * (n / (n - k))",
        "[:-1]",
        "tests/estimators",
    ),
    Mutation(
        "tied rewards broken up",
        "estimators/gaps.py",
        "return self.values[..., 1:] - self.values[..., :-1]",
        "return self.values[..., 1:] - self.values[..., :-1] + 1e-9",
        "tests/estimators",
    ),
    Mutation(
        "kernel of the CPU leaves the mean in",
        "estimators/cpu_compiled.py",
        "totals[:] = total / n if centred else 0.0",
        "totals[:] = 0.0",
        "tests/estimators/test_cpu_kernel.py",
    ),
    Mutation(
        "closed form counts a zero as a one",
        "estimators/binary.py",
        "torch.nn.functional.pad(weights.flip(0), (1, 1))",
        "torch.nn.functional.pad(weights.flip(0), (2, 0))",
        "tests/estimators/test_paths.py",
    ),
    Mutation(
        "pairs of samples on one arm forgotten",
        "moments/count_chain.py",
        "squares[2:].addcmul_(prefix[:-2, tables.pays_below], mean * mean)",
        "pass",
        "tests/moments/test_exact.py",
    ),
    Mutation(
        "improbable counts cut too early",
        "moments/count_chain.py",
        "NEGLIGIBLE = 1e-19",
        "NEGLIGIBLE = 1e-9",
        "tests/moments/test_exact.py",
    ),
    Mutation(
        "gap sums are believed without a test",
        "moments/gap_table.py",
        "return table if (np.abs(found - table.advantages(rows)).max(axis=1) <= allowed).all() else None",
        "return table",
        "tests/moments/test_exact.py",
    ),
    Mutation(
        "alias taken on the wrong side of the border",
        "moments/sampling_kernel.py",
        "np.uint64(point >= border[cell])",
        "np.uint64(point < border[cell])",
        "tests/moments/test_sampling_pieces.py",
    ),
    Mutation(
        "stored cells of other formulas are used",
        "reproduce/bandit/cells.py",
        '            "formulas": cell_files.hash_of(COMPUTED_BY),\n',
        "",
        "tests/reproduce/test_cells.py",
    ),
    Mutation(
        "sign of the update",
        "agents/policy_gradient.py",
        "return factor * advantages.ravel()",
        "return -factor * advantages.ravel()",
        "tests/agents",
    ),
    Mutation(
        "scale factor K/n becomes 1/n",
        "estimators/spec.py",
        "return self.k / n if",
        "return 1 / n if",
        "tests/moments tests/estimators",
    ),
    Mutation(
        "seed ignores its path",
        "seeding.py",
        "json.dumps([root, *path]",
        "json.dumps([root]",
        "tests/test_seeding.py tests/envs",
    ),
    Mutation(
        "exact gradient of K + 1",
        "objectives.py",
        "below.pow(k - 1)",
        "below.pow(k)",
        "tests/test_objectives.py",
    ),
    Mutation(
        "certificate calls a constant that varies proportional",
        "moments/judge.py",
        'return "proportional" if np.ptp(constants) <= tolerance * constants.mean() else "direction"',
        'return "proportional"',
        "tests/moments",
    ),
    Mutation(
        "noise of the mean not subtracted",
        "leaderboard/noise.py",
        "norm_sq = raw - excess * variance / groups",
        "norm_sq = raw",
        "tests/leaderboard/test_noise.py",
    ),
    Mutation(
        "a copy up to sign counts as a copy",
        "leaderboard/fingerprint.py",
        "np.abs(a - b).max()",
        "np.abs(np.abs(a) - np.abs(b)).max()",
        "tests/leaderboard/test_board.py",
    ),
    Mutation(
        "store overwrites instead of publishing once",
        "sweep/store.py",
        "        os.link(temporary, target)",
        "        os.replace(temporary, target)",
        "tests/sweep/test_sweep_store.py",
    ),
)


def passes(tests: list[str], folder: Path) -> bool:
    """Do these tests pass on the copy of the package in ``folder``?"""
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    environment = {**os.environ, "PYTHONPATH": str(folder), "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode == 0


def survives(mutation: Mutation, package: Path) -> bool:
    """Does the fault go unnoticed by its tests? ``package`` is a copy, restored afterwards.

    Raises:
        ValueError: the code to be changed is not there exactly once.
    """
    path = package / mutation.file
    original = path.read_text(encoding="utf-8")
    if original.count(mutation.old) != 1:
        raise ValueError(
            f"{mutation.what}: {mutation.old!r} stands {original.count(mutation.old)} times in {path.name}"
        )
    path.write_text(original.replace(mutation.old, mutation.new), encoding="utf-8")
    try:
        return passes(mutation.tests.split(), package.parent)
    finally:
        path.write_text(original, encoding="utf-8")


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder)
        for name in ("maxpo_bench", "tests"):
            shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "pyproject.toml", copy)
        every = sorted({tests for mutation in MUTATIONS for tests in mutation.tests.split()})
        if not passes(every, copy):
            print("the tests fail without any fault: nothing can be concluded", file=sys.stderr)
            return 2
        unnoticed = 0
        for mutation in MUTATIONS:
            survived = survives(mutation, copy / "maxpo_bench")
            unnoticed += survived
            print(
                f"{'SURVIVED' if survived else 'noticed':9} {mutation.what}  ({mutation.file}; {mutation.tests})",
                flush=True,
            )
    print(f"{len(MUTATIONS) - unnoticed} of {len(MUTATIONS)} faults noticed")
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
