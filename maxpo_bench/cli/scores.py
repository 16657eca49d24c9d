"""Commands about estimators: certificate, submission, leaderboard."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maxpo_bench.cli.shared import (
    JsonFlag,
    Quiet,
    Results,
    SandboxLevel,
    SuiteName,
    Trust,
    finish,
    print_json,
    sandbox_level,
)


def certify(
    target: Annotated[str, typer.Argument(help="Estimator name, or a file or folder as for `submit`.")],
    k: Annotated[int | None, typer.Option("--k", help="Objective size K; default: a grid.")] = None,
    n: Annotated[int | None, typer.Option("--n", help="Group size; default: a grid.")] = None,
    scale: Annotated[str | None, typer.Option("--scale", help="Declared scale: K/n or 1.")] = None,
    domain: Annotated[str | None, typer.Option("--domain", help="Rewards it is defined for: real or binary.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the random bandits.")] = 0,
    as_json: JsonFlag = False,
) -> None:
    """Say whether an estimator is unbiased for max@K, exactly, by enumerating small bandits.

    A file's code is run with your rights.
    """
    from maxpo_bench.commands.certify import certificate_of

    certificate = certificate_of(target, k=k, n=n, scale=scale, domain=domain, seed=seed)
    print_json(certificate.to_dict()) if as_json else print(certificate.explain())


def new(
    name: Annotated[str, typer.Argument(help="Its name: lower-case letters, digits, _ . -")],
    folder: Annotated[Path, typer.Option("--folder", help="Where its folder is made.")] = Path("."),
    factory: Annotated[
        bool, typer.Option("--factory", help="Define make_advantages(k), called once for each K.")
    ] = False,
    binary: Annotated[bool, typer.Option("--binary", help="Declare 0/1 rewards.")] = False,
) -> None:
    """Make the folder of a submission that passes `check` as it is; nothing is overwritten."""
    from maxpo_bench.commands.new import run_new

    finish(lambda: run_new(name, folder=folder, factory=factory, binary=binary))


Submitted = Annotated[Path, typer.Argument(help="A .py file, or a folder with submission.py and submission.toml.")]
Name = Annotated[str | None, typer.Option("--name", help="Name in the table; default: the file's.")]
DeclaredScale = Annotated[str | None, typer.Option("--scale", help="Declared scale: K/n or 1.")]
DeclaredDomain = Annotated[str | None, typer.Option("--domain", help="Rewards it is defined for: real or binary.")]


def check(
    path: Submitted,
    suite: SuiteName = "full",
    name: Name = None,
    scale: DeclaredScale = None,
    domain: DeclaredDomain = None,
    sandbox: SandboxLevel = "strict",
    trust: Trust = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Check a submission in seconds: contract tests, certificate; nothing is scored or stored.

    The code runs in a sandbox. A failed test shows the line and the smallest input on which it fails. The exit code is
    0 if the submission would be scored, else 1.
    """
    from maxpo_bench.commands.check import run_check

    overrides = {"name": name, "scale": scale, "domain": domain}
    level = sandbox_level(sandbox, trust)
    finish(lambda: run_check(path, suite=suite, overrides=overrides, level=level, as_json=as_json, quiet=quiet))


def submit(
    path: Submitted,
    suite: SuiteName = "full",
    results: Results = Path("results"),
    name: Name = None,
    scale: DeclaredScale = None,
    domain: DeclaredDomain = None,
    sandbox: SandboxLevel = "strict",
    trust: Trust = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check, and say what would be scored and stored where; store nothing.")
    ] = False,
    replace: Annotated[
        bool, typer.Option("--replace", help="It is a new version of the entry of this name, and takes its place.")
    ] = False,
    as_json: JsonFlag = False,
    quiet: Quiet = False,
) -> None:
    """Check, certify and score an estimator, store the result and say where it ranks.

    The code runs in a process of its own that can read nothing but the Python installation, write nothing, and reach
    neither network nor other processes (`maxpo-bench doctor` says what this machine offers). The level is recorded.

    A file defines `advantages(rewards, k)`: rewards [groups, n] to advantages of the same shape, in torch; or
    `make_advantages(k)`, which returns a function of the rewards. Its docstring may declare, one per line: `name: ...`
    (lower-case letters, digits, _ . -), `scale: K/n` or `1`, `domain: real` or `binary`, `track: stateful` for an
    estimator that remembers earlier groups, `min_group_size: k`, `k+1` or a number, `min_k`, `authors`, `licence`,
    `paper`, `equation`. A folder holds submission.py and submission.toml with schema_version = 1 and the same keys.
    `maxpo-bench new NAME` makes one.
    """
    from maxpo_bench.commands.submit import run_submit

    level = sandbox_level(sandbox, trust)
    finish(
        lambda: run_submit(
            path,
            suite=suite,
            results=results,
            overrides={"name": name, "scale": scale, "domain": domain},
            level=level,
            dry_run=dry_run,
            replace=replace,
            as_json=as_json,
            quiet=quiet,
        )
    )


def leaderboard(
    suite: SuiteName = "full",
    results: Results = Path("results"),
    score: Annotated[
        bool, typer.Option("--score", help="First score the built-in estimators; goes on where it stopped.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="With --score: score again what is stored.")] = False,
    workers: Annotated[int, typer.Option("--workers", min=1, help="With --score: processes.")] = 2,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: JsonFlag = False,
    html: Annotated[Path | None, typer.Option("--html", help="Write the page into this folder.")] = None,
    check: Annotated[
        bool, typer.Option("--check", help="Fail unless leaderboard.md, README.md and paper-reported.md are current.")
    ] = False,
    paper_reported: Annotated[
        bool, typer.Option("--paper-reported", help="Only write paper-reported.md and .csv: the paper's own tables.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Print the leaderboard, or write it as a page."""
    from maxpo_bench.commands.leaderboard import run_leaderboard

    finish(
        lambda: run_leaderboard(
            suite=suite,
            results=results,
            score=score,
            force=force,
            workers=workers,
            markdown=markdown,
            as_json=as_json,
            html=html,
            check=check,
            paper_reported=paper_reported,
            quiet=quiet,
        )
    )
