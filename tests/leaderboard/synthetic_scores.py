"""Synthetic scores on the quick suite: block sums drawn from a known law, and nobody's results."""

import numpy as np
from leaderboard_samples import entry

from maxpo_bench.leaderboard.noise import BlockSums
from maxpo_bench.leaderboard.scored import ScoredEntry
from maxpo_bench.leaderboard.suite import SUITES

BLOCKS, GROUPS, ARMS = 16, 4800, 4
INSTANCES = SUITES.get("quick-1").instances()


def block_sums(name, rng, spread=2.0, constant=1.0, tilt=0.0):
    """Sums of gradients (1, tilt, 0, 0) + noise of this spread; the exact gradient is (1, 0, 0, 0).

    Drawn from the joint law of the sums: the sum of a block is normal, and the squares around its mean are chi-square.
    """
    size = GROUPS // BLOCKS
    sums = size * np.array([1.0, tilt, 0.0, 0.0]) + spread * np.sqrt(size) * rng.standard_normal((BLOCKS, ARMS))
    squares = (sums**2).sum(1) / size + spread**2 * rng.chisquare(ARMS * (size - 1), BLOCKS)
    gram = sums @ sums.T
    return BlockSums(
        instance=name,
        num_groups=GROUPS,
        truth_sq=1.0,
        constant=constant,
        sum_sq=squares.tolist(),
        dot=sums[:, 0].tolist(),
        gram=[gram[row, : row + 1].tolist() for row in range(BLOCKS)],
    )


def scored(name="ei_l2o", digest=None, seed=0, date="2031-02-03T00:00:00Z", noise=None, **changes):
    """One synthetic scored entry; ``changes`` replace fields of its row."""
    rng = np.random.default_rng(seed)
    values = noise or [block_sums(instance.name, rng) for instance in INSTANCES]
    scorer = {"date": date, "source": "s", "seed": seed}
    row = entry(name, submission_hash=digest or name.ljust(64, "0"), scorer=scorer, **changes)
    returns = (200 + 30 * rng.standard_normal(10)).tolist()
    vector = rng.standard_normal(6)
    return ScoredEntry(
        entry=row,
        noise=values,
        learning={"learning_rate": 0.3, "tuning": {"0.1": 100.0, "0.3": 190.0}, "returns": returns},
        fingerprint={"real-n6-k2": (vector / np.linalg.norm(vector)).tolist()},
        certificate={"kind": row.kind},
        contract=[{"name": "shape", "status": "pass", "message": ""}],
    )
