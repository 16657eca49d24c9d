"""Ways out of a strict worker, each tried from inside and looked at from outside."""

import importlib.util
import os
import resource
import signal
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from sandbox_workers import LIGHT_TORCH, is_running, light_workers, members

from maxpo_bench.sandbox import EstimatorError

PROBES = Path(__file__).parent / "probes.py"


def attempts():
    spec = importlib.util.spec_from_file_location("probes", PROBES)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [attempt.__name__ for attempt in module.ATTEMPTS]


ATTEMPTS = attempts()


class Outside:
    """What a worker must leave alone, and how it looked before."""

    def __init__(self, folder, start):
        self.canary = folder / "canary"
        self.canary.write_text("SECRET")
        self.before = self.canary.stat()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.datagrams.bind(self.listener.getsockname())
        self.local = socket.socket(socket.AF_UNIX)
        self.local.bind(str(folder / "socket"))
        self.local.listen()
        for each in (self.listener, self.datagrams, self.local):
            each.setblocking(False)
        self.sibling = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        self.limits = self.own_limits()
        values = {
            "CANARY": str(self.canary),
            "PORT": self.listener.getsockname()[1],
            "PARENT": os.getpid(),
            "SIBLING": self.sibling.pid,
            "SOCKET": str(folder / "socket"),
            "NEIGHBOUR": self.sibling.pid,
        }
        text = "".join(f"{name} = {value!r}\n" for name, value in values.items())
        self.worker = start(PROBES.read_text().replace("# BELOW HERE WITH THE VALUES\n", text))

    @staticmethod
    def own_limits():
        kinds = [getattr(resource, name) for name in dir(resource) if name.startswith("RLIMIT_")]
        return [resource.getrlimit(kind) for kind in kinds], os.sched_getaffinity(0), os.getpriority(os.PRIO_PROCESS, 0)

    def check(self):
        now = self.canary.stat()
        same = ("st_ino", "st_mode", "st_uid", "st_gid", "st_size", "st_mtime_ns", "st_ctime_ns")
        assert [getattr(now, name) for name in same] == [getattr(self.before, name) for name in same]
        assert sorted(os.listdir(self.canary.parent)) == ["canary", "socket"]
        assert not Path("/dev/shm/maxpo_canary").exists()
        for receive in (self.listener.accept, self.local.accept, lambda: self.datagrams.recv(1)):
            with pytest.raises(BlockingIOError):
                receive()
        assert is_running(self.sibling.pid)
        assert self.own_limits() == self.limits
        assert members(self.worker.pid) == [self.worker.pid]
        assert Path(f"/proc/{self.worker.pid}/status").read_text().count("TracerPid:\t0\n") == 1

    def close(self):
        self.sibling.send_signal(signal.SIGKILL)
        self.sibling.wait()
        for each in (self.listener, self.datagrams, self.local):
            each.close()


@pytest.fixture(scope="module")
def outside(tmp_path_factory):
    inherited = os.open("/dev/zero", os.O_RDONLY)
    os.set_inheritable(inherited, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_CANARY", "SECRET")
        workers = light_workers(patch)
        found = Outside(tmp_path_factory.mktemp("outside"), next(workers))
        yield found
        workers.close()
        found.close()
    os.close(inherited)


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_nothing_gets_out(outside, attempt):
    with pytest.raises(EstimatorError, match="refused: ") as caught:
        outside.worker.call(np.zeros((1, 2)), ATTEMPTS.index(attempt))
    assert "SECRET" not in str(caught.value)
    outside.check()


def test_the_kernel_confirms_the_lock(outside):
    lines = dict(line.split(":\t", 1) for line in Path(f"/proc/{outside.worker.pid}/status").read_text().splitlines())
    assert lines["NoNewPrivs"] == "1"
    assert lines["Seccomp"] == "2"
    for name in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(lines[name], 16) == 0
    limits = Path(f"/proc/{outside.worker.pid}/limits").read_text()
    for name in ("Max file size", "Max core file size", "Max locked memory"):
        assert [line.split()[-3:-1] for line in limits.splitlines() if line.startswith(name)] == [["0", "0"]]
    if any(name.startswith("namespaces") for name in outside.worker.protections) and os.geteuid() == 0:
        assert int(lines["CapBnd"], 16) == 0
        own, its = (os.readlink(f"/proc/{process}/ns/net") for process in ("self", outside.worker.pid))
        assert own != its


def test_what_must_be_readable_is():
    assert LIGHT_TORCH.is_dir()  # the workers above have imported from there, and from the Python installation
    assert "read_canary" in ATTEMPTS
    assert len(ATTEMPTS) >= 60
