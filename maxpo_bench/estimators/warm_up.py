"""Importing this loads the compiled kernels of the CPU, so that processes forked afterwards have them at once."""

import torch

from maxpo_bench.estimators import ei_l2o, reinforce_l1o

for _dtype in (torch.float32, torch.float64):
    for _rewards in ([0.0, 0.5, 2.0], [0.0, 0.0, 1.0]):
        ei_l2o(torch.tensor([_rewards], dtype=_dtype), 2)
reinforce_l1o(torch.tensor([[0.0, 1.0]]))
