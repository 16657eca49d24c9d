"""The Triton kernel: against the torch path through Triton's interpreter, compiled for GPUs that are not here, traced.

The interpreter runs in one child process (`interpret_triton.py`) for all tests of the file.
"""

import importlib.util
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

from maxpo_bench.estimators import ei, ei_l2o, triton_kernel
from maxpo_bench.estimators.triton_kernel import LARGEST_GROUP, gap_sums, is_available

needs_triton = pytest.mark.skipif(not is_available(), reason="triton is not installed")
BOUND = {torch.float32: 2.5e-7, torch.float64: 1e-14}


def ei_weights(n: int, k: int) -> Tensor:
    """q(m-1) = C(m-1, K-1) / C(n-1, K-1), m = 2..n: uncentred sums are EI."""
    below = [math.comb(m - 1, k - 1) / math.comb(n - 1, k - 1) for m in range(2, n + 1)]
    return torch.tensor(below, dtype=torch.float64)


def l2o_weights(n: int, k: int) -> Tensor:
    """n q(m-2) / (n-K), m = 2..n: centred sums are EI+L2O."""
    below = [n * math.comb(m - 2, k - 1) / (math.comb(n - 1, k - 1) * (n - k)) for m in range(2, n + 1)]
    return torch.tensor(below, dtype=torch.float64)


def batch(n: int, rows: int, dtype: torch.dtype) -> Tensor:
    """Rows of normal, rounded, far off, binary, heavy-tailed and constant rewards in turn; zeros of both signs."""
    generator = torch.Generator().manual_seed(1000 * n + rows)
    normal = torch.randn(rows, n, generator=generator, dtype=torch.float64)
    cauchy = torch.tan(math.pi * (torch.rand(rows, n, generator=generator, dtype=torch.float64) - 0.5))
    kinds = [normal, (2 * normal).round(), normal + 1e4, (normal > 0.5).double(), cauchy, torch.full_like(normal, 7.0)]
    shift = n if rows == 1 else 0
    return torch.stack([kinds[(row + shift) % len(kinds)][row] for row in range(rows)]).to(dtype)


# n, rows, dtype, K: every n up to 32 takes the narrow program, the others the wide one
SIZES = [
    *((n, 7, torch.float32, min(4, n - 1)) for n in (2, 3, 8, 16, 17, 32, 64)),
    (16, 33, torch.float32, 8),
    (3, 129, torch.float32, 1),
    (33, 6, torch.float32, 4),
    (100, 5, torch.float32, 50),
    (1000, 1, torch.float32, 4),
    (1024, 1, torch.float32, 512),
    (2, 7, torch.float64, 1),
    (16, 7, torch.float64, 4),
    (17, 7, torch.float64, 16),
    (33, 4, torch.float64, 4),
]
CASES = [
    (*size, centred) for size in SIZES for centred in (True, False) if size[0] < 100 or centred == (size[0] < 1024)
]


def case_name(n: int, rows: int, dtype: torch.dtype, k: int, centred: bool) -> str:
    return f"{rows}x{n}-{str(dtype).removeprefix('torch.')}-k{k}-{'centred' if centred else 'plain'}"


@pytest.fixture(scope="module")
def interpreted(tmp_path_factory):
    """Results of the interpreter for every case, by name."""
    jobs = {}
    for n, rows, dtype, k, centred in CASES:
        weights = l2o_weights(n, k) if centred else ei_weights(n, k)
        guarded = centred and (n, dtype) in ((3, torch.float32), (17, torch.float32), (33, torch.float32))
        jobs[case_name(n, rows, dtype, k, centred)] = (batch(n, rows, dtype), weights, centred, guarded)
    for n in (16, 40):
        spoilt = batch(n, 6, torch.float32)
        jobs[f"whole-{n}"] = (spoilt.clone(), l2o_weights(n, 4), True, False)
        spoilt[2, 1], spoilt[4, 0], spoilt[4, 2] = math.nan, math.inf, -math.inf
        jobs[f"spoilt-{n}"] = (spoilt, l2o_weights(n, 4), True, n == 16)
    jobs["strided"] = (batch(16, 6, torch.float32).t().contiguous().t(), l2o_weights(16, 4), True, False)
    jobs["single"] = (torch.randn(3, 1), torch.zeros(0, dtype=torch.float64), False, False)
    jobs["empty"] = (torch.zeros(0, 8), ei_weights(8, 2), True, False)
    folder = tmp_path_factory.mktemp("interpreter")
    torch.save(jobs, folder / "jobs.pt")
    script = Path(__file__).with_name("interpret_triton.py")
    command = [sys.executable, script, folder / "jobs.pt", folder / "results.pt"]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "TRITON_INTERPRET": "1"})
    assert done.returncode == 0, done.stderr
    return torch.load(folder / "results.pt")


@needs_triton
@pytest.mark.parametrize(("n", "rows", "dtype", "k", "centred"), CASES, ids=[case_name(*case) for case in CASES])
def test_interpreter_agrees_with_torch_and_makes_ties_equal(interpreted, n, rows, dtype, k, centred):
    rewards = batch(n, rows, dtype)
    result = interpreted[case_name(n, rows, dtype, k, centred)]
    found = result["sums"]
    assert found.dtype == dtype
    wanted = ei_l2o(rewards.double(), k) if centred else ei(rewards.double(), k)
    if not centred and k == 1:  # EI is the reward itself there, the gap sums start at the lowest one
        wanted = wanted - rewards.double().amin(-1, keepdim=True)
    scale = wanted.abs().amax(-1, keepdim=True)
    assert ((found.double() - wanted).abs() <= BOUND[dtype] * scale).all()
    for row, sums in zip(rewards, found, strict=True):
        for reward in row.unique():
            assert sums[row == reward].unique().numel() == 1
    if "around" in result:
        assert (result["around"] == 123.0).all()


@needs_triton
@pytest.mark.parametrize("n", [16, 40])
def test_a_spoilt_group_touches_no_other(interpreted, n):
    kept = [0, 1, 3, 5]
    assert torch.equal(interpreted[f"spoilt-{n}"]["sums"][kept], interpreted[f"whole-{n}"]["sums"][kept])
    assert n > 16 or (interpreted[f"spoilt-{n}"]["around"] == 123.0).all()


@needs_triton
def test_strided_rewards(interpreted):
    assert torch.equal(interpreted["strided"]["sums"], interpreted["whole-16"]["sums"])


@needs_triton
def test_single_samples_and_empty_batches(interpreted):
    assert torch.equal(interpreted["single"]["sums"], torch.zeros(3, 1))
    assert interpreted["empty"]["sums"].shape == (0, 8)


@needs_triton
def test_the_network_sorts_every_binary_sequence():
    # Knuth's zero-one principle: a network that sorts all 0-1 sequences sorts everything
    from maxpo_bench.estimators.triton_narrow import merge_exchange

    for n in range(2, 17):
        columns = list(torch.cartesian_prod(*[torch.tensor([0, 1])] * n).T)
        for i, j in merge_exchange(n):
            assert i < j
            columns[i], columns[j] = torch.minimum(columns[i], columns[j]), torch.maximum(columns[i], columns[j])
        assert (torch.stack(columns).diff(dim=0) >= 0).all()


@needs_triton
def test_bad_arguments_raise_at_the_door():
    weights = torch.ones(7, dtype=torch.float64)
    with pytest.raises(ValueError, match=f"at most {LARGEST_GROUP} samples, got 1025"):
        gap_sums(torch.zeros(2, 1025), torch.ones(1024, dtype=torch.float64), centred=True)
    with pytest.raises(ValueError, match=r"\[G, n\] and weights \[n-1\].*\(2, 9\) and \(7,\)"):
        gap_sums(torch.zeros(2, 9), weights, centred=True)
    with pytest.raises(ValueError, match="flatten the batch"):
        gap_sums(torch.zeros(2, 2, 8), weights, centred=True)
    with pytest.raises(ValueError, match="flatten the batch"):
        gap_sums(torch.zeros(2, 0), weights[:0], centred=True)
    with pytest.raises(TypeError, match=r"got torch.float16 and torch.float64"):
        gap_sums(torch.zeros(2, 8, dtype=torch.float16), weights, centred=True)
    with pytest.raises(TypeError, match=r"got torch.float32 and torch.float32"):
        gap_sums(torch.zeros(2, 8), weights.float(), centred=True)


@needs_triton
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter takes CPU tensors")
def test_cpu_tensors_raise_outside_the_interpreter():
    with pytest.raises(ValueError, match="one CUDA device, got cpu and cpu"):
        gap_sums(torch.zeros(2, 8), torch.ones(7, dtype=torch.float64), centred=True)


def test_triton_is_imported_by_the_first_call_only():
    code = "import sys, maxpo_bench.estimators.triton_kernel as t; t.is_available(); print('triton' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_is_available_says_whether_triton_can_be_imported(monkeypatch):
    assert is_available() == (importlib.util.find_spec("triton") is not None)
    monkeypatch.setattr(triton_kernel, "find_spec", lambda name: None)
    assert not is_available()


def kernel_source(n: int, centred: bool):
    """Return what Triton compiles for float32 groups of n samples, and the number of warps."""
    from triton.compiler import ASTSource

    kernel, per_program, log, num_warps = triton_kernel.program(n)
    types = {"rewards": "*fp32", "weights": "*fp64", "out": "*fp32", "rows": "i32"}
    constants = {"n": n, "CENTRED": centred, "ROWS": per_program, "LOG": log}
    names = kernel.arg_names
    assert set(names) == {*types, *constants}
    signature = {name: types.get(name, "constexpr") for name in names}
    return ASTSource(kernel, signature, {(names.index(name),): value for name, value in constants.items()}), num_warps


@needs_triton
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter compiles nothing")
@pytest.mark.parametrize(("capability", "n"), [(80, 16), (90, 16), (90, 100), (90, 512)])
def test_compiles_for_gpus_without_spilling_registers(tmp_path, monkeypatch, capability, n):
    import triton
    from triton.backends.compiler import GPUTarget

    tool = Path(triton.__file__).parent / "backends" / "nvidia" / "bin" / "cuobjdump"
    if not tool.exists():
        pytest.skip("this build of triton comes without cuobjdump")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path / "cache"))
    source, num_warps = kernel_source(n, centred=True)
    options = {"num_warps": num_warps, "enable_fp_fusion": True}
    binary = triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options).asm["cubin"]
    (tmp_path / "kernel.cubin").write_bytes(binary)
    command = [tool, "-res-usage", tmp_path / "kernel.cubin"]
    usage = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert "STACK:0 " in usage
    assert "LOCAL:0 " in usage


@needs_triton
@pytest.mark.skipif(os.environ.get("TRITON_INTERPRET") == "1", reason="the interpreter is not traced")
def test_torch_compile_traces_one_graph_and_once_more_for_any_number_of_groups(monkeypatch):
    from torch._subclasses.fake_tensor import FakeTensorMode

    graphs = []

    def record(graph, inputs):
        graphs.append(graph)
        return lambda *inputs: (None,)

    monkeypatch.setattr("torch.utils._triton.has_triton", lambda: True)
    torch.compiler.reset()
    compiled = torch.compile(
        lambda rewards, weights: gap_sums(rewards, weights, centred=True), backend=record, fullgraph=True
    )
    with FakeTensorMode():
        weights = torch.empty(15, dtype=torch.float64, device="cuda")
        for rows in (8, 9, 16, 17, 1024, 1 << 20):
            compiled(torch.empty(rows, 16, device="cuda"), weights)
    torch.compiler.reset()
    assert len(graphs) == 2
    for graph in graphs:
        launches = [node for node in graph.graph.nodes if "triton_kernel_wrapper" in str(node.target)]
        assert len(launches) == 1
