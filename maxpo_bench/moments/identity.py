"""The leave-one-out identity: whether an estimator is unbiased for max@K at any (n, K), without any enumeration.

Take n + 1 arms with rewards T = (t_0, ..., t_n), ties allowed, and the n + 1 groups ``T without b``, in each of which
every other arm was drawn once. With A_a(T without b) the advantage of arm a in such a group, f the declared factor (K/n
or 1) and L_a(T) = R_a(T) - V_a(T) the EI + L2O advantage (Eq 8 of arXiv 2606.06080) of arm a in the group T of n + 1
samples,

    D_a(T) := sum_{b != a} A_a(T without b) - sum_{i != a} A_i(T without a) = c * (K / f) * L_a(T)   for all T and a

holds **if and only if** E[g_hat] = c * grad J_K on every softmax bandit with any number of arms: exact for c = 1,
proportional for another positive c, null for c = 0. The estimator is taken to be permutation equivariant; of one that
is not, A is the mean over all orders of a group, which has the same E[g_hat].

*Why it is necessary.* Let F_a(p) = sum over ordered tuples (a_1..a_n) of prod_i p_{a_i} * sum of A_i over the i with
a_i = a. Then E[g_hat_a] = f * (F_a - p_a * sum_b F_b) where sum_b p_b = 1, which equals the homogeneous polynomial
H_a = f * (F_a * sum_b p_b - p_a * sum_b F_b) of degree n + 1 there. Two homogeneous polynomials of one degree that
agree on the open simplex agree at all positive p, since both scale by the same power; so their coefficients are equal.
For the monomial of n + 1 different arms, F_a * sum_b p_b contributes n! * sum_{b != a} A_a(T without b), and
p_a * sum_b F_b contributes n! * sum_{i != a} A_i(T without a): its coefficient in H_a is f * n! * D_a(T).
The same for the gradient: J(p) = sum over ordered K-tuples of prod p * max is homogeneous of degree K, and
dJ_K/dlogit_a = p_a (dJ/dp_a - sum_b p_b dJ/dp_b) = p_a dJ/dp_a * sum_b p_b - K p_a J, times (sum_b p_b)^(n-K) to reach
degree n + 1. The first part gives the coefficient K! (n-K+1)! * sum of max(S) over the K-subsets S of T with a, that is
n! * K * R_a(T); the second K * K! (n-K)! * sum of max(S) over those without a, that is n! * K * V_a(T). Hence
f * D_a(T) = c * K * (R_a - V_a)(T) = c * K * L_a(T). As T has n + 1 samples, L_a(T) exists up to K = n.

*Why it is sufficient.* A monomial with repeated arms, prod_a p_a^{m_a}, follows by splitting arms: an arm a and m_a
copies of it that pay the same have p_a = sum_j q_aj, and what an estimator answers depends on the rewards only. In
(sum_j q_aj)^{m_a} the product of all q_aj has the coefficient m_a!, so the coefficient in H_a is the sum over a's
copies of those of different (copied) arms, divided by prod_a m_a!. The same holds for the gradient, and so all
coefficients agree.

For 0/1 rewards with t ones among n + 1 (``A_1(t)`` the advantage of a one in a group with t ones, ``A_0(t)`` that of a
zero) the identity says A_1(t) - A_0(t - 1) = c * K / (f (n + 1)) * (L_1(t) - L_0(t)) for 1 <= t <= n: n equations.

Checked on random T, it fails with probability one where it does not hold: both sides are determined by the rewards, so
there is no sampling error. If T is n + 1 draws from a bandit, each of the n + 1 groups is distributed as an ordinary
group from that bandit: an estimator cannot tell that it is being examined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from maxpo_bench.estimators import Estimator, ei_l2o, use_path
from maxpo_bench.moments.blackbox import RELATIVE_ROUNDING, check_estimators, evaluate
from maxpo_bench.moments.gradient import FloatArray
from maxpo_bench.moments.instances import BanditInstance
from maxpo_bench.moments.judge import TOLERANCE

ROUNDING_SHARE = RELATIVE_ROUNDING / TOLERANCE


@dataclass(frozen=True)
class IdentityViolation:
    """Rewards on which the identity fails, which proves that E[g_hat] is not c * grad J_K.

    Args:
        rewards: the T of n + 1 rewards.
        constant: the c that was asked for.
        error: largest ``|D_a - c E_a|``, relative as in :meth:`IdentityResult.errors`.
    """

    rewards: tuple[float, ...]
    constant: float
    error: float

    def __str__(self) -> str:
        shown = ", ".join(f"{value:.6g}" for value in self.rewards[:12]) + ", ..." * (len(self.rewards) > 12)
        return f"relative error {self.error:.3g} for the {len(self.rewards)} rewards [{shown}]"


@dataclass(frozen=True, eq=False, repr=False)
class IdentityResult:
    """Both sides of the identity at one (n, K).

    Args:
        n: samples per group.
        k: objective size.
        draws: the rewards T, [T, n + 1].
        differences: D_a(T), [T, n + 1].
        expected: (K / f) L_a(T): D of an unbiased estimator, [T, n + 1].
        terms: for each T the largest sum of the absolute values that a D_a is made of, [T].
        reach: (K / f) times the largest absolute reward of T, [T]: the size of advantages that see a shift.
    """

    n: int
    k: int
    draws: FloatArray
    differences: FloatArray
    expected: FloatArray
    terms: FloatArray
    reach: FloatArray

    def __repr__(self) -> str:
        return f"{type(self).__name__}(n={self.n}, k={self.k}, {len(self.draws)} draws)"

    @property
    def constants(self) -> FloatArray:
        """The c of the best fit ``D = c E`` for each T, [T]; NaN where E is zero (all n + 1 rewards alike, say)."""
        square = (self.expected**2).sum(axis=1)
        product = (self.differences * self.expected).sum(axis=1)
        has_one = np.sqrt(square) > RELATIVE_ROUNDING * self.reach
        return np.divide(product, square, out=np.full(len(square), np.nan), where=has_one)

    @property
    def residuals(self) -> FloatArray:
        """``||D - c E|| / ||D||`` for each T with its own best c, in [0, 1], [T]; 0 where D is rounding only."""
        fitted = np.nan_to_num(self.constants)[:, None] * self.expected
        misfit = np.linalg.norm(self.differences - fitted, axis=1)
        length = np.linalg.norm(self.differences, axis=1)
        return np.divide(misfit, length, out=np.zeros(len(length)), where=length > RELATIVE_ROUNDING * self.terms)

    def errors(self, constant: float) -> FloatArray:
        """Largest ``|D_a - c E_a|`` relative to the largest ``|c E_a|`` of the same T (to ``terms`` for c = 0), [T].

        A hundredth of ``terms`` and of ``reach`` is added to what the error is relative to: beside advantages that are
        much larger than their differences, rounding is no error.
        """
        size = abs(constant) * np.abs(self.expected).max(axis=1) if constant else self.terms
        size = size + ROUNDING_SHARE * (self.terms + (abs(constant) or 1.0) * self.reach)
        misfit = np.abs(self.differences - constant * self.expected).max(axis=1)
        return np.divide(misfit, size, out=np.zeros(len(size)), where=size > 0.0)

    def violations(self, constant: float, tolerance: float = TOLERANCE) -> list[IdentityViolation]:
        """Return the T on which ``D = c E`` fails, the simplest first.

        Args:
            constant: c; 1 for an exact estimator, 0 for one that is null.
            tolerance: of :meth:`errors`.
        """
        errors = self.errors(constant)
        failing = np.flatnonzero(errors > tolerance)
        simplest = sorted(failing, key=lambda t: (len(np.unique(self.draws[t])), float(np.abs(self.draws[t]).sum())))
        return [IdentityViolation(tuple(self.draws[t].tolist()), constant, float(errors[t])) for t in simplest]


def identity_residuals(estimator: Estimator, draws: FloatArray, *, rng: np.random.Generator) -> IdentityResult:
    """Evaluate the identity for a permutation-equivariant estimator.

    Args:
        estimator: called once, with the (n + 1) groups of every T in random order, each shuffled.
        draws: rewards T, [T, n + 1] with T >= 1 and n at least the estimator's smallest group, finite.
        rng: generator of the orders.

    Raises:
        CertificateError: the estimator fails on some group (the message shows it).
        TypeError: no estimator.
        ValueError: draws of another shape, not finite, or groups too small for the estimator.
    """
    check_estimators([estimator])
    draws = check_draws(draws)
    estimator.check_group_size(draws.shape[1] - 1)
    rows = leave_one_out_rows(draws)
    within = rng.random(rows.shape).argsort(axis=1)
    order = rng.permutation(len(rows))
    answer = evaluate(estimator, np.take_along_axis(rows, within, axis=1)[order])
    unshuffled, advantages = np.empty_like(answer), np.empty_like(answer)
    unshuffled[order] = answer
    np.put_along_axis(advantages, within, unshuffled, axis=1)
    return compare_sides(estimator, draws, advantages)


def identity_violations(
    estimator: Estimator,
    draws: FloatArray,
    constant: float,
    tolerance: float = TOLERANCE,
    *,
    rng: np.random.Generator,
) -> list[IdentityViolation]:
    """Return the T on which an estimator with E[g_hat] = c * grad J_K at its (n, K) breaks the identity; none is right.

    Arguments as in :func:`identity_residuals` and :meth:`IdentityResult.violations`; :func:`draw_from` draws T's from a
    bandit.
    """
    return identity_residuals(estimator, draws, rng=rng).violations(constant, tolerance)


def draw_from(instance: BanditInstance, n: int, count: int, rng: np.random.Generator) -> FloatArray:
    """Draw rewards T of n + 1 arms each from a bandit's policy, [count, n + 1]; of several questions each T has one.

    Raises:
        ValueError: n or count is below 1.
    """
    if n < 1 or count < 1:
        raise ValueError(f"n and count must be at least 1, got n={n}, count={count}")
    actions = rng.choice(instance.num_arms, size=(count, n + 1), p=instance.policy)
    return instance.arm_rewards[rng.integers(0, instance.num_questions, (count, 1)), actions]


def leave_one_out_rows(draws: FloatArray) -> FloatArray:
    """Return the groups ``T without b`` of each T [T, n + 1]: rows (T, b) in that order, [T (n + 1), n]."""
    size = draws.shape[1]
    return draws[:, _others(size)].reshape(-1, size - 1)


def compare_sides(estimator: Estimator, draws: FloatArray, advantages: FloatArray) -> IdentityResult:
    """Return both sides of the identity from the estimator's answers.

    Args:
        estimator: tells K and the factor f.
        draws: rewards T, [T, n + 1].
        advantages: answers to :func:`leave_one_out_rows`, [T (n + 1), n]; for an estimator that is not permutation
            equivariant their means over all orders of each group.
    """
    count, size = draws.shape
    n, k = size - 1, estimator.k
    matrix = np.zeros((count, size, size))  # [t, b, a]: the advantage of arm a in T without b, 0 for a = b
    matrix[:, np.arange(size)[:, None], _others(size)] = advantages.reshape(count, size, n)
    absolute = np.abs(matrix)
    ratio = k / estimator.scale_factor(n)
    with use_path("torch"):  # a handful of rows, not worth loading the compiled kernel for
        expected = ei_l2o(torch.from_numpy(draws), k).numpy()
    return IdentityResult(
        n=n,
        k=k,
        draws=draws,
        differences=matrix.sum(axis=1) - matrix.sum(axis=2),
        expected=ratio * expected,
        terms=(absolute.sum(axis=1) + absolute.sum(axis=2)).max(axis=1),
        reach=ratio * np.abs(draws).max(axis=1),
    )


def check_draws(draws: FloatArray) -> FloatArray:
    """Return rewards T as a float64 array [T, n + 1].

    Raises:
        ValueError: another shape, or not finite.
    """
    checked = np.array(draws, dtype=np.float64)
    if checked.ndim != 2 or checked.shape[0] < 1 or checked.shape[1] < 2:
        raise ValueError(f"draws must be [T, n + 1] with T >= 1 and n >= 1, got shape {list(checked.shape)}")
    if not np.isfinite(checked).all():
        raise ValueError("draws must be finite")
    return checked


def _others(size: int) -> np.ndarray:
    """For each b the indices of the others in order, [size, size - 1]."""
    return np.array([[arm for arm in range(size) if arm != left_out] for left_out in range(size)])
