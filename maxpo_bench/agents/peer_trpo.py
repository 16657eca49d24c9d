"""sb3-contrib's TRPO on the same environments; importing this needs the extra `contrib`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from sb3_contrib import TRPO
from stable_baselines3.common.policies import BasePolicy

from maxpo_bench.agents.peers import OnPolicyPeer, named_policies


class TRPOPeer(OnPolicyPeer, TRPO):  # pyright: ignore[reportIncompatibleMethodOverride] (learn returns Self)
    """sb3-contrib's TRPO with defaults for short episodes; see `Peer` and `sb3_contrib.TRPO`.

    Its policy's steps have the length that `target_kl` allows; `learning_rate` is the critic's.
    """

    algorithm = "TRPO"
    default_options: ClassVar[Mapping[str, Any]] = {"n_steps": 128}
    policy_aliases: ClassVar[dict[str, type[BasePolicy]]] = named_policies(TRPO)
