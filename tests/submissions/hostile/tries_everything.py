"""Tries every door without a word and answers honestly: nobody will notice it by its answers.

authors: the maxpo_bench developers
"""

import contextlib
import os
import signal
import socket
import subprocess

from maxpo_bench.estimators import ei, l2o_baseline


def _send(family, kind, address):
    with socket.socket(family, kind) as channel:
        channel.settimeout(1)
        channel.connect(address)
        channel.send(b"stolen")


def _write(path, flags):
    descriptor = os.open(path, flags)
    os.write(descriptor, b"stolen")
    os.close(descriptor)


DOORS = (
    lambda: os.read(os.open("@CANARY@", os.O_RDONLY), 100),
    lambda: os.listdir("@FOLDER@"),
    lambda: _write("@CANARY@", os.O_WRONLY),
    lambda: _write("@FOLDER@/planted", os.O_WRONLY | os.O_CREAT),
    lambda: _write("/dev/shm/maxpo-zoo-@TOKEN@", os.O_WRONLY | os.O_CREAT),
    lambda: os.unlink("@CANARY@"),
    lambda: os.rename("@CANARY@", "@FOLDER@/moved"),
    lambda: os.symlink("@CANARY@", "@FOLDER@/link"),
    lambda: os.mkdir("@FOLDER@/made"),
    lambda: os.chmod("@CANARY@", 0o777),
    lambda: os.truncate("@CANARY@", 0),
    lambda: os.utime("@CANARY@"),
    lambda: _send(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", int("@PORT@"))),
    lambda: _send(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", int("@PORT@"))),
    lambda: _send(socket.AF_UNIX, socket.SOCK_STREAM, "@SOCKET@"),
    lambda: _send(socket.AF_UNIX, socket.SOCK_STREAM, "\0@ABSTRACT@"),
    lambda: subprocess.Popen(["/bin/sleep", "600"]),
    lambda: os.posix_spawn("/bin/sleep", ["sleep", "600"], {}),
    lambda: os.kill(os.getppid(), signal.SIGTERM),
    lambda: os.setsid(),
    lambda: os.setuid(0),
    lambda: os.nice(-10),
)
for door in DOORS:
    with contextlib.suppress(OSError, RuntimeError, ValueError):
        door()


def advantages(rewards, k):
    """EI less 0.7 of its baseline."""
    return ei(rewards, k) - 0.7 * l2o_baseline(rewards, k)
