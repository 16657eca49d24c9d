"""`maxpo-bench video`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from maxpo_bench.commands.progress import counting

if TYPE_CHECKING:
    from maxpo_bench.commands.progress import Counter
    from maxpo_bench.plots.film_play import Picture

DEFAULT_AGENT = "ei_l2o"
INTERRUPTED = 130


def run_video(
    env: str,
    agents: Sequence[str],
    out: Path,
    *,
    iterations: int,
    frames: int | None,
    fps: float,
    overrides: Sequence[str],
    seed: int,
    quiet: bool,
) -> int:
    """Train agents, write the film and print where it is; return the exit code."""
    from maxpo_bench.plots.film import check_film, film_moments, record_learning, write_film

    check_film(out, fps)
    moments = film_moments(iterations, frames)
    made = _make_agents(env, agents or [DEFAULT_AGENT], overrides, seed)
    shots = record_learning(made, iterations=iterations, frames=len(moments), seed=seed)
    try:
        with counting("frames", quiet=quiet) as progress:
            write_film(_counted(shots, len(moments), progress), out, fps)
    except KeyboardInterrupt:
        print(f"interrupted: {out} was not written", file=sys.stderr)
        return INTERRUPTED
    print(f"{out} ({len(moments)} frames, {out.stat().st_size / 1e6:.2f} MB)")
    return 0


def _counted(shots: Iterable[Picture], total: int, progress: Counter | None) -> Iterator[Picture]:
    """Pass the frames on and tell the bar how many there were."""
    for done, shot in enumerate(shots, start=1):
        if progress is not None:
            progress(done, total)
        yield shot


def _make_agents(env: str, names: Sequence[str], overrides: Sequence[str], seed: int) -> dict[str, Any]:
    """Make every agent, by its canonical name, on the same environment and with the same seed.

    Raises:
        ValueError: an unknown environment, agent or option, an agent twice, or values that do not fit together.
    """
    from maxpo_bench.agents.registry import find_agent, make_agent
    from maxpo_bench.sweep.validation import canonical_environment

    env_id = canonical_environment(env)
    specs = [find_agent(name) for name in names]
    for place, spec in enumerate(specs):
        if spec.name in [other.name for other in specs[:place]]:
            raise ValueError(f"agent {spec.name!r} is named twice: a film shows each agent once")
    chosen = _options(overrides, {spec.name: spec.options for spec in specs}, names)
    return {spec.name: make_agent(spec.name, env_id, **chosen[spec.name], seed=seed) for spec in specs}


def _options(
    overrides: Sequence[str], known: Mapping[str, Sequence[str]], written: Sequence[str]
) -> dict[str, dict[str, Any]]:
    """Return each agent's options, those of the environment among them.

    ``key=value`` goes to every agent that has such an option, else to the environment; ``AGENT.key=value`` to one, over
    what all get.

    Args:
        overrides: the texts.
        known: options of each agent by its canonical name.
        written: the names by which the agents were asked for.
    """
    from maxpo_bench.agents.registry import find_agent
    from maxpo_bench.registry import suggest
    from maxpo_bench.sweep.tables import parse_value

    names = {**{name: name for name in known}, **{name: find_agent(name).name for name in written}}
    chosen: dict[str, dict[str, Any]] = {name: {} for name in known}
    for override in sorted(overrides, key=lambda text: "." in text.partition("=")[0]):
        path, equals, text = (part.strip() for part in override.partition("="))
        if not equals or not path:
            raise ValueError(f"--set {override!r}: write key=value, e.g. learning_rate=0.3")
        owner, dot, key = path.rpartition(".")
        if dot and owner not in names:
            raise ValueError(f"--set {override!r}: no agent {owner!r} in this film.{suggest(owner, names)}")
        if key == "seed":
            raise ValueError(f"--set {override!r}: the seed comes from --seed")
        takers = [names[owner]] if dot else [name for name, options in known.items() if key in options] or list(known)
        for name in takers:
            chosen[name][key] = parse_value(text)
    return chosen
