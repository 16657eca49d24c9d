"""`maxpo-bench certify`."""

from __future__ import annotations

from pathlib import Path

from maxpo_bench.leaderboard.submission import built_in, load_submission
from maxpo_bench.moments import Certificate, certify


def certificate_of(
    target: str, *, k: int | None, n: int | None, scale: str | None, domain: str | None, seed: int
) -> Certificate:
    """Certify a registered name or a file; ``scale`` and ``domain`` override what a file declares."""
    if target.endswith(".py") or Path(target).is_dir():
        candidate = load_submission(target, scale=scale, domain=domain)
    elif scale or domain:
        raise ValueError(f"--scale and --domain are for files; {target!r} has declared its own")
    else:
        candidate = built_in(target)
    if k is not None and n is not None and not candidate.supports(n, k):
        raise ValueError(
            f"{candidate.name} needs at least {candidate.smallest_group(k)} samples per group at k={k}, "
            f"got --n {n}: lower --k or raise --n"
        )
    return certify(
        candidate.build,
        k=k,
        n=n,
        pairs=candidate.certificate_pairs() if k is None and n is None else None,
        scale=candidate.metadata.scale,
        domain=candidate.metadata.domain,
        min_group_size=candidate.smallest_group,
        seed=seed,
    )
