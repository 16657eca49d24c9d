import importlib
import subprocess
import sys
from importlib import metadata

import pytest

from maxpo_bench.llm.training import versions


@pytest.mark.parametrize("found", ["1.15.3", "1.17.0", "2.0.0", "1.160.0"])
def test_another_trl_is_refused_before_it_is_imported(monkeypatch, found):
    monkeypatch.setattr(metadata, "version", lambda name: found)
    monkeypatch.delitem(sys.modules, "maxpo_bench.llm.training.supported_trl", raising=False)
    with pytest.raises(ImportError, match=rf"TRL {found} is installed.*supports 1\.16\.\* only"):
        importlib.import_module("maxpo_bench.llm.training.supported_trl")


@pytest.mark.parametrize("found", ["1.16.0", "1.16.7", "1.16"])
def test_the_supported_trl_is_taken(monkeypatch, found):
    monkeypatch.setattr(metadata, "version", lambda name: found)
    versions.require_trl()


def test_without_trl_the_message_names_the_extra(monkeypatch):
    def missing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", missing)
    with pytest.raises(ImportError, match=r"pip install 'maxpo-bench\[llm\]'"):
        versions.require_trl()


def test_the_package_loads_nothing_heavy_by_itself():
    code = (
        "import sys, maxpo_bench.llm.training as training\n"
        "assert 'EstimatorGRPOTrainer' in dir(training)\n"
        "assert not {'torch', 'transformers', 'trl'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
