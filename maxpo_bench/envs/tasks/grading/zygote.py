"""The zygote: imports the comparison once, forks workers in milliseconds, and is the only one to kill them.

It runs in an interpreter of its own that has only this to do: one thread, a fixed hash seed, none of the user's
modules. Being the parent of the workers, it can kill one without ever hitting a process that has taken over its
number. When its socket closes, because the grader has closed it or its process is gone, it ends all workers and itself.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import traceback

from maxpo_bench.envs.tasks.grading.wire import COMMAND, FORK, pack_line
from maxpo_bench.envs.tasks.grading.worker import Judge, serve

# What the zygote reports, each followed by text.
READY = b"r"
FAILED = b"f"
NOT_FORKED = b"n"
ENDED = b"e"

_REAP_INTERVAL_S = 0.02


def main() -> None:
    """Serve the socket that the command line names, with the settings it gives as JSON."""
    settings = json.loads(sys.argv[1])
    control = socket.socket(fileno=settings["descriptor"])
    control.set_inheritable(False)
    _reset_signals()
    try:
        judge = load_judge(settings["judge"])
    except BaseException as error:
        sys.stderr.write(traceback.format_exc())
        control.sendall(pack_line(FAILED, f"{type(error).__name__}: {error}"))
        return
    # Objects made so far are never looked at by the garbage collector again, so that workers share their memory.
    gc.collect()
    gc.freeze()
    control.sendall(pack_line(READY))
    Zygote(control, judge, settings["time_limit"], settings["memory_limit"]).run()


def _reset_signals() -> None:
    """Undo what the user's process left: an ignored SIGCHLD would bury workers unseen, a blocked SIGALRM never act."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in (signal.SIGCHLD, signal.SIGALRM, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_SETMASK, [])


def load_judge(name: str) -> Judge:
    """Import ``module:function`` and call the module's ``warm_up()``, where it has one."""
    module_name, _, function = name.partition(":")
    module = importlib.import_module(module_name)
    warm_up = getattr(module, "warm_up", None)
    if warm_up is not None:
        warm_up()
    return getattr(module, function)


class Zygote:
    """Forks, kills and buries workers on command."""

    def __init__(self, control: socket.socket, judge: Judge, time_limit: float, memory_limit: int) -> None:
        self._control = control
        self._judge = judge
        self._limits = time_limit, memory_limit
        self._workers: dict[int, int] = {}
        self._dying: dict[int, int] = {}

    def run(self) -> None:
        """Carry commands out until the socket closes, then end every worker."""
        try:
            while self._carry_out():
                self._reap()
        finally:
            for number in list(self._workers):
                self._kill(number)
            for pid in self._dying:
                os.waitpid(pid, 0)

    def _carry_out(self) -> bool:
        """Wait for one command and carry it out; return False where there will be none."""
        if not select.select([self._control], [], [], _REAP_INTERVAL_S if self._dying else None)[0]:
            return True
        try:
            message, descriptors, _, _ = socket.recv_fds(self._control, COMMAND.size, 1)
            while message and len(message) < COMMAND.size:
                message += self._control.recv(COMMAND.size - len(message))
        except OSError:
            return False
        if not message:
            return False
        command, number = COMMAND.unpack(message)
        if command == FORK:
            self._fork(number, socket.socket(fileno=descriptors[0]))
        else:
            self._kill(number)
        return True

    def _fork(self, number: int, connection: socket.socket) -> None:
        zygote = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            self._report(NOT_FORKED, f"{number} {error}")
            connection.close()
            return
        if pid == 0:
            try:
                self._control.close()
                serve(connection, self._judge, *self._limits, parent=zygote)
            finally:
                os._exit(0)
        connection.close()
        self._workers[number] = pid

    def _kill(self, number: int) -> None:
        pid = self._workers.pop(number, None)
        if pid is not None:
            os.kill(pid, signal.SIGKILL)  # not waited for yet, hence still ours even if it has ended
            self._dying[pid] = number

    def _reap(self) -> None:
        for pid, number in list(self._dying.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended != 0:
                del self._dying[pid]
                self._report(ENDED, f"{number} {os.waitstatus_to_exitcode(status)}")

    def _report(self, kind: bytes, text: str) -> None:
        with contextlib.suppress(OSError):  # the grader is gone: the next command is the end of the stream
            self._control.sendall(pack_line(kind, text))
