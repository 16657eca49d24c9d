"""Every agent by name."""

from __future__ import annotations

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from maxpo_bench.agents.peers import A2CPeer, Peer, PPOPeer
from maxpo_bench.agents.policy_gradient import GroupPolicyGradient
from maxpo_bench.agents.presets import EI, EIL1O, EIL2O, OPTIONS, REINFORCE, EntropyAdv, EntropyREINFORCE
from maxpo_bench.agents.vector_envs import EnvSource, check_env_options
from maxpo_bench.estimators import ESTIMATORS, EstimatorSpec
from maxpo_bench.registry import Registry, UnknownNameError, suggest

Agent = GroupPolicyGradient | Peer


class MissingExtraError(UnknownNameError, ImportError):
    """An agent whose package is not installed; the message says how to install it."""


@dataclass(frozen=True)
class AgentSpec:
    """One agent.

    Attributes:
        name: canonical name.
        summary: one line.
        factory: called as `factory(env, **options)`.
        options: names of the options that it takes beside the environment.
        aliases: other names.
        is_peer: whether it is an algorithm of Stable-Baselines3 or sb3-contrib, which has no max@K objective.
        missing: what has to be installed before it can be made, as pip takes it; None where nothing is missing.
    """

    name: str
    summary: str
    factory: Callable[..., Agent] = field(repr=False)
    options: tuple[str, ...] = field(repr=False)
    aliases: tuple[str, ...] = ()
    is_peer: bool = False
    missing: str | None = None


AGENTS: Registry[AgentSpec] = Registry("agent")
CONTRIB = "maxpo-bench[contrib]"
_PEERS = {
    "ppo": "Stable-Baselines3's PPO",
    "a2c": "Stable-Baselines3's A2C",
    "trpo": "sb3-contrib's TRPO",
    "ars": "sb3-contrib's augmented random search: perturbs a deterministic policy",
}


def find_agent(name: str) -> AgentSpec:
    """Return the agent of a name or alias; the name of an estimator registered later is an agent, too.

    Raises:
        UnknownNameError: with the nearest known names.
        MissingExtraError: the agent needs a package that is not installed.
    """
    if name in AGENTS:
        found = AGENTS.get(name)
        if found.missing is not None:
            raise MissingExtraError(f"the agent {name!r} needs a package more: pip install '{found.missing}'")
        return found
    if name in ESTIMATORS:
        return _from_estimator(ESTIMATORS.get(name))
    known = [*AGENTS, *(alias for agent in AGENTS for alias in AGENTS.aliases(agent)), *ESTIMATORS]
    raise UnknownNameError(f"unknown agent {name!r}.{suggest(name, known)}")


def list_agents() -> list[AgentSpec]:
    """Return all agents: the paper's, every other estimator's, the peers."""
    later = [_from_estimator(ESTIMATORS.get(name)) for name in ESTIMATORS if name not in AGENTS]
    specs = [AGENTS.get(name) for name in AGENTS]
    return [spec for spec in specs if not spec.is_peer] + later + [spec for spec in specs if spec.is_peer]


def make_agent(name: str, env: EnvSource, **options: Any) -> Agent:
    """Make an agent.

    Args:
        name: see `list_agents`; aliases work.
        env: environment id, environment, function that makes one, or vector environment.
        options: those that the agent takes go to it, the rest to the environment id.

    Returns:
        The agent, ready to `learn`.

    Raises:
        UnknownNameError: no such agent.
        MissingExtraError: the agent needs a package that is not installed.
        ValueError: an option that neither takes.
    """
    spec = find_agent(name)
    for_agent = {key: value for key, value in options.items() if key in spec.options}
    for_env = {key: value for key, value in options.items() if key not in spec.options}
    if for_env and not isinstance(env, str):
        first = next(iter(for_env))
        raise ValueError(f"the agent {spec.name!r} has no option {first!r}.{suggest(first, spec.options)}")
    if for_env:
        assert isinstance(env, str)
        check_env_options(env, for_env, also=spec.options)
        for_agent["env_kwargs"] = {**(for_agent.get("env_kwargs") or {}), **for_env}
    return spec.factory(env, **for_agent)


def check_agent_options(name: str, options: Mapping[str, Any]) -> None:
    """Check the values of an agent's options as far as that is possible without an environment.

    Args:
        name: see `list_agents`.
        options: some of those that the agent takes.

    Raises:
        UnknownNameError: no such agent.
        TypeError: as the agent itself raises.
        ValueError: as the agent itself raises, for example where `group_size` is too small for k.
    """
    factory = find_agent(name).factory
    made = factory.func if isinstance(factory, partial) else factory
    if isinstance(made, type) and issubclass(made, Agent):
        factory(None, **options, _init_setup_model=False)


def _register(
    name: str, summary: str, factory: Callable[..., Agent], aliases: tuple[str, ...] = (), **fields: Any
) -> None:
    options = fields.pop("options", tuple(option for option in OPTIONS if option != "estimator"))
    AGENTS.register(name, AgentSpec(name, summary, factory, options, aliases, **fields), aliases=aliases)


def _from_estimator(spec: EstimatorSpec) -> AgentSpec:
    options = tuple(option for option in OPTIONS if option != "estimator")
    summary = f"policy gradient with the advantage {spec.name}: {spec.summary}"
    factory = partial(GroupPolicyGradient, estimator=spec.name)
    aliases = tuple(alias for alias in spec.aliases if alias not in AGENTS)
    return AgentSpec(spec.name, summary, factory, options, aliases)


def _register_peer(name: str, peer: type[Peer]) -> None:
    """Register a peer with the options of its class and of the original algorithm behind it."""
    original = next(base for base in peer.__mro__ if base.__name__ == peer.algorithm)
    names = [*inspect.signature(peer).parameters, *inspect.signature(original).parameters]
    options = (option for option in dict.fromkeys(names) if option not in ("env", "options"))
    own = tuple(option for option in options if not option.startswith("_"))
    _register(name, _PEERS[name], peer, options=own, is_peer=True)


def _register_contrib_peers() -> None:
    """Register the peers of sb3-contrib, or where it is missing that it is."""
    if importlib.util.find_spec("sb3_contrib") is None:
        for name in ("trpo", "ars"):
            _register(name, _PEERS[name], _cannot_be_made, options=(), is_peer=True, missing=CONTRIB)
        return
    from maxpo_bench.agents.peer_ars import ARSPeer
    from maxpo_bench.agents.peer_trpo import TRPOPeer

    _register_peer("trpo", TRPOPeer)
    _register_peer("ars", ARSPeer)


def _cannot_be_made(*arguments: Any, **options: Any) -> Agent:
    raise MissingExtraError(f"this agent needs a package more: pip install '{CONTRIB}'")


_register("reinforce", "REINFORCE with leave-one-out baseline: mean return", REINFORCE, ("reinforce_l1o",))
_register("reinforce_entropy", "REINFORCE with an entropy bonus of 0.01", EntropyREINFORCE, ("entropy",))
_register("ei", "expected improvement, no baseline (PKPO): max@K", EI, ("pkpo",))
_register("ei_l1o", "expected improvement with leave-one-out baseline: biased for max@K", EIL1O)
_register("ei_l2o", "expected improvement with leave-two-out baseline (MaxPO): max@K", EIL2O, ("maxpo",))
_register(
    "entropy_adv",
    "GRPO with an entropy term at each token (Entropy-Adv): mean return; text only",
    EntropyAdv,
    options=(*(name for name in OPTIONS if name not in ("estimator", "entropy_shaping")), *EntropyAdv.own_options),
)
for _name in ESTIMATORS:
    if _name not in AGENTS:
        _spec = _from_estimator(ESTIMATORS.get(_name))
        AGENTS.register(_name, _spec, aliases=_spec.aliases)
_register_peer("ppo", PPOPeer)
_register_peer("a2c", A2CPeer)
_register_contrib_peers()
