"""Everything known of one estimator, as a document: what it is, its certificate, where it loses, who is close to it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from maxpo_bench.estimators import ESTIMATORS, EstimatorSpec
from maxpo_bench.leaderboard import explanation_noise
from maxpo_bench.leaderboard.board import build_board, scored_otherwise
from maxpo_bench.leaderboard.columns import CLASS_TITLES, format_cosine, format_number
from maxpo_bench.leaderboard.document import Block, Command, Document, Facts, Grid, Section
from maxpo_bench.leaderboard.entry import Entry, Leaderboard
from maxpo_bench.leaderboard.evidence import evidence_of
from maxpo_bench.leaderboard.explanation_learning import language_section, learning_section
from maxpo_bench.leaderboard.source import Metadata
from maxpo_bench.leaderboard.store import ScoredEntry

KIND_MEANINGS = {
    "exact": "Its expectation is the gradient of J_K itself, under the declared scale: it is unbiased.",
    "proportional": "Its expectation is the gradient of J_K times one positive constant c for each (n, K): unbiased up "
    "to the step size.",
    "direction": "Its expectation points along the gradient of J_K, but its length relative to it differs from "
    "bandit to bandit.",
    "biased": "Its expectation does not point along the gradient of J_K: however many groups are averaged, it ascends "
    "something else.",
    "null": "Its expectation is zero on every bandit: there is no signal.",
    "uncertified": "It remembers earlier groups, so that no expectation of a single group exists to be certified.",
}
_HOW = (
    "Found by enumerating every outcome of small hidden bandits; c is the constant of the best fit E[g_hat] = c * grad "
    "J_K, and the cosine is that on the worst of the bandits."
)


def explanation_of(name: str, stored: Sequence[ScoredEntry], board: Leaderboard | None = None) -> Document:
    """Explain one scored entry.

    Args:
        name: of an entry among the stored scores.
        stored: all stored scores of its suite, the reference among them.
        board: the table of these scores; None makes it.

    Raises:
        ValueError: the reference is missing, or there is no entry of that name.
    """
    scored = next((item for item in stored if item.entry.name == name), None)
    if scored is None:
        raise ValueError(f"no score of {name!r} among the stored ones")
    board = board or build_board(scored.entry.suite, stored)
    entry = next(item for item in board.entries if item.name == name)
    evidence = evidence_of(scored, stored)
    sections = [
        _what_it_is(entry),
        _certificate(scored, evidence),
        *explanation_noise.sections(board, entry, evidence),
        learning_section(entry, evidence["learning"]),
        language_section(entry, evidence["language_model"]),
        _relatives(board, entry, evidence["relatives"]),
        _provenance(entry, evidence),
    ]
    return Document(_title(entry.name, entry.title), standing(board, entry, stored), sections)


def explanation_without_score(
    name: str, commands: Sequence[tuple[str, str]], *, suite: str, metadata: Metadata | None = None, note: str = ""
) -> Document:
    """Explain what is known of an estimator that has no score on a suite: what it declares.

    Args:
        name: of a built-in estimator, or of a submission.
        commands: (what for, command) of what can be done to know more.
        suite: the suite's name.
        metadata: what a submission declares; None for a built-in estimator.
        note: one more sentence.
    """
    spec = ESTIMATORS.get(name) if metadata is None else None
    declared = _declared_by_spec(spec) if spec else _declared_by_metadata(metadata)
    lead = f"It has no score on {suite}: what stands here is what it declares. {note}".strip()
    more = [Section(purpose, [Command(command)]) for purpose, command in commands]
    return Document(name, lead, [Section("What it is", [Facts(declared)]), *more])


def standing(board: Leaderboard, entry: Entry, stored: Sequence[ScoredEntry]) -> str:
    """Return one or two sentences: certificate, table, rank or why it has none, status."""
    if entry.klass == "copy":
        place = f"It is a near-duplicate of {entry.linked_to}, listed without a rank of its own"
    elif entry.klass == "null":
        place = f"It stands in the table '{CLASS_TITLES[entry.klass]}' of {board.suite}, which has no ranks"
    else:
        place = _place(board, entry, stored)
    status = {
        "self-run": "Nobody has verified it yet.",
        "verified": "Verified: scored again with seeds that were fixed after it.",
        "disputed": "Disputed: a second run with later seeds did not agree.",
        "withdrawn": "Withdrawn.",
    }[entry.status]
    return f"{entry.kind.capitalize()}. {place}. {status}"


def _place(board: Leaderboard, entry: Entry, stored: Sequence[ScoredEntry]) -> str:
    rank = board.ranks[entry.name]
    table = CLASS_TITLES[entry.klass]
    if rank is not None:
        members = sum(1 for other in board.entries if other.klass == entry.klass and board.ranks[other.name])
        place = str(rank[0]) if rank[0] == rank[1] else f"{rank[0]} to {rank[1]}"
        return f"It ranks {place} of {members} in the table '{table}' of {board.suite}"
    reason = "it is not defined on every bandit of the suite, or too noisy to be measured"
    if entry.name in scored_otherwise(stored):
        reason = "other code scored it than the reference: it has to be scored again"
    elif entry.status in ("disputed", "withdrawn"):
        reason = f"it is {entry.status}"
    return f"It stands in the table '{table}' of {board.suite} without a rank, as {reason}"


def _title(name: str, title: str) -> str:
    return name if title == name else f"{name}: {title}"


def _what_it_is(entry: Entry) -> Section:
    spec = ESTIMATORS.get(entry.name) if entry.origin == "built-in" and entry.name in ESTIMATORS else None
    declared = _declared_by_spec(spec) if spec else _declared_by_entry(entry)
    return Section("What it is", [Facts(declared)])


def _declared_by_spec(spec: EstimatorSpec) -> list[tuple[str, str]]:
    unbiased = {"no K": "no", "every K": "yes, at every K"}.get(spec.unbiased_at, f"only at {spec.unbiased_at}")
    rows = [
        ("Origin", "built-in"),
        ("Advantage", spec.summary),
        ("In the paper's terms", spec.relation),
        ("Other names", ", ".join(spec.aliases)),
        ("Paper", spec.paper),
        ("Equation", spec.equation),
        ("Scale", _scale(spec.scale)),
        ("Rewards", _rewards(spec.domain)),
        ("Range of K", spec.k_range),
        ("Declared unbiased", unbiased),
        ("Declared centred", "yes" if spec.centered else "no"),
    ]
    return [(name, value) for name, value in rows if value]


def _declared_by_entry(entry: Entry) -> list[tuple[str, str]]:
    rows = [
        ("Origin", entry.origin),
        ("Advantage", entry.summary),
        ("Authors", entry.authors),
        ("Licence", entry.licence),
        ("Paper", entry.paper),
        ("Equation", entry.equation),
        ("Scale", _scale(entry.scale)),
        ("Rewards", _rewards(entry.domain)),
        ("Track", entry.track),
    ]
    return [(name, value) for name, value in rows if value]


def _declared_by_metadata(metadata: Metadata | None) -> list[tuple[str, str]]:
    if metadata is None:
        return []
    rows = [
        ("Origin", "submission"),
        ("Advantage", metadata.summary),
        ("Authors", metadata.authors),
        ("Licence", metadata.licence),
        ("Paper", metadata.paper),
        ("Equation", metadata.equation),
        ("Scale", _scale(metadata.scale)),
        ("Rewards", _rewards(metadata.domain)),
        ("Track", metadata.track),
        ("Smallest group", metadata.min_group_size),
        ("Smallest K", str(metadata.min_k)),
    ]
    return [(name, value) for name, value in rows if value]


def _scale(scale: str) -> str:
    return f"{scale}: the gradient estimate is {'K/n * ' if scale == 'K/n' else ''}sum_i A_i grad log pi(a_i)"


def _rewards(domain: str) -> str:
    return "0 and 1 only" if domain == "binary" else "any real numbers"


def _certificate(scored: ScoredEntry, evidence: dict[str, Any]) -> Section:
    pairs = evidence["certificate"]
    blocks: list[Block] = [f"{scored.entry.kind.capitalize()}. {KIND_MEANINGS[scored.entry.kind]}"]
    if scored.entry.extra.get("contradicted"):
        blocks.append(
            f"Enumeration alone found it {scored.certificate.get('kind')}, but what it answers on the suite's bandits "
            f"contradicts that: {_reason(scored.entry.extra['contradicted'])}."
        )
    if pairs:
        blocks += [_HOW, _certificate_grid(pairs)]
    if any(pair["other_objective"] is not None for pair in pairs):
        blocks.append(
            "Where the last column names another objective, its expectation points along that one's gradient on every "
            "bandit: it optimises that one."
        )
    blocks += [
        f"Contract test '{result['name']}': {result['message']}"
        for result in scored.contract
        if result["status"] != "pass" and result["message"]
    ]
    return Section("Certificate", blocks)


def _reason(contradiction: object) -> str:
    text = contradiction if isinstance(contradiction, str) else "it behaves otherwise on them than on small ones"
    return text.strip().rstrip(".")


def _certificate_grid(pairs: Sequence[dict[str, Any]]) -> Grid:
    rows = []
    for pair in pairs:
        worst = min(pair["instances"], key=_badness, default=None)
        rows.append(
            [
                str(pair["n"]),
                str(pair["k"]),
                pair["kind"],
                _constants(pair),
                "" if worst is None else format_cosine(worst["cosine"]),
                "" if worst is None or pair["kind"] in ("exact", "proportional") else worst["label"],
                "" if pair["other_objective"] is None else f"max@{pair['other_objective']}",
            ]
        )
    heads = ("n", "K", "Certificate", "c", "Cosine", "Worst on", "Follows")
    shown = len(heads) if any(row[-1] for row in rows) else len(heads) - 1
    words = [name for name in ("Certificate", "Worst on", "Follows") if name in heads[:shown]]
    return Grid(heads[:shown], [row[:shown] for row in rows], words, ("c", "Worst on"))


def _badness(instance: dict[str, Any]) -> tuple[float, float]:
    """Order instances by how badly the estimator fails: the smallest cosine, then the largest residual."""
    cosine, residual = instance["cosine"], instance["residual"]
    return (-2.0 if cosine is None else cosine, -(residual or 0.0))


def _constants(pair: dict[str, Any]) -> str:
    if pair["constant"] is not None:
        return f"{pair['constant']:.6g}"
    known = [item["constant"] for item in pair["instances"] if item["constant"] is not None]
    return f"{format_number(min(known))} to {format_number(max(known))}" if known else ""


def _relatives(board: Leaderboard, entry: Entry, relatives: Sequence[dict[str, Any]]) -> Section:
    blocks: list[Block] = []
    if entry.linked_to:
        blocks.append(f"It is a near-duplicate of {entry.linked_to}: the same gradients up to a positive factor.")
    copies = [other.name for other in board.entries if other.linked_to == entry.name]
    if copies:
        blocks.append(f"Near-duplicates of it: {', '.join(copies)}.")
    if relatives:
        blocks.append(
            "Similarity is the cosine of two estimators' advantages on the same groups: 1 is alike up to scale."
        )
        rows = [[item["name"], f"{item['similarity']:.4f}", _kind(board, item["name"])] for item in relatives]
        blocks.append(Grid(("Estimator", "Similarity", "Certificate"), rows, ("Estimator", "Certificate")))
    return Section("Closest relatives", blocks or ["None: no other entry answers anything on the groups compared."])


def _kind(board: Leaderboard, name: str) -> str:
    return next((entry.kind for entry in board.entries if entry.name == name), "")


def _provenance(entry: Entry, evidence: dict[str, Any]) -> Section:
    verification = evidence["verification"] or {}
    rows = [("Status", entry.status), *_verification(verification)]
    withdrawn = entry.extra.get("withdrawn")
    if isinstance(withdrawn, dict):
        rows.append(("Withdrawn", f"{withdrawn.get('date')}: {withdrawn.get('reason')}"))
    rows += [(name, value) for name, value in evidence["provenance"]]
    differing = [item for item in verification.get("comparisons") or [] if not item.get("agrees")]
    blocks: list[Block] = [Facts(rows)]
    if differing:
        blocks += ["What the verification found otherwise:", _differences(differing)]
    return Section("Where the numbers come from", [*blocks, "To score it again:", Command(evidence["command"])])


def _verification(verification: dict[str, Any]) -> list[tuple[str, str]]:
    if not verification:
        return [("Verification", "none yet")]
    compared = verification.get("comparisons") or []
    agreeing = sum(1 for item in compared if item.get("agrees"))
    by = f" by {verification['by']}" if verification.get("by") else ""
    verdict = "agrees" if verification.get("agrees") else "does not agree"
    return [
        ("Verification", f"{verdict}: {agreeing} of {len(compared)} comparisons, {verification.get('date')}{by}"),
        ("Beacon", str(verification.get("beacon"))),
    ]


def _differences(comparisons: Sequence[dict[str, Any]]) -> Grid:
    heads = ("Metric", "stored", "rerun", "low", "high", "Note")
    rows = [
        [str(item.get("metric", "")), *(_value(item.get(key)) for key in heads[1:5]), str(item.get("note", ""))]
        for item in comparisons
    ]
    return Grid(heads, rows, ("Metric", "Note"), ("Note",))


def _value(value: object) -> str:
    return value if isinstance(value, str) else format_number(value if isinstance(value, int | float) else None)
