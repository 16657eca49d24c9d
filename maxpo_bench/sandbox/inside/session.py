"""The life of a worker: settings, lock, source, then calls."""

from __future__ import annotations

import importlib
import json
import os
import sys
import tempfile
from collections.abc import Callable
from typing import Any, cast

from maxpo_bench.sandbox.frames import HAS_FACTORY, Header, Kind
from maxpo_bench.sandbox.inside import finder, privileges, submission
from maxpo_bench.sandbox.inside.channel import Channel
from maxpo_bench.sandbox.inside.lock import Lock


def run(requests: int, replies: int) -> None:
    """Serve the parent through the two descriptors until it closes them."""
    privileges.reset_signals()
    channel = Channel(requests, replies)
    setup = channel.header()
    settings: dict[str, Any] = json.loads(bytes(channel.read(setup.length)))
    settings["descriptors"] = [requests, replies]
    lock = Lock(settings)
    reached, missing = lock.close()
    channel.send_text(Kind.LOCKED, setup.number, "\n".join(reached) + "\n\n" + "\n".join(missing))
    serve = _libraries(settings)  # while the parent looks at the report, or does something else
    # The source comes only now: the parent has seen what was reached.
    header = channel.header()
    source = bytes(channel.read(header.length))
    loaded = _load(channel, header.number, source, settings, lock, serve)
    if loaded is not None:
        serve, functions = loaded
        channel.send(Header(Kind.READY, header.number, 0, flags=HAS_FACTORY if functions.has_factory else 0))
        serve(channel, functions, settings["filename"])


Serve = Callable[[Channel, submission.Functions, str], None]


def _load(
    channel: Channel, number: int, source: bytes, settings: dict[str, Any], lock: Lock, serve: Serve | BaseException
) -> tuple[Serve, submission.Functions] | None:
    """Return the submission's functions and what serves them, or report why there are none."""
    filename = settings["filename"]
    try:
        code = submission.compiled(source, filename)
        if isinstance(serve, BaseException):
            raise serve
        lock.limit_memory()
        return serve, submission.imported(code, source, filename)
    except BaseException as error:
        kind = Kind.OUT_OF_MEMORY if submission.ran_out_of_memory(error) else Kind.LOAD_ERROR
        channel.send_text(kind, number, submission.describe(error), line=submission.line_of(error, filename))
    return None


def _libraries(settings: dict[str, Any]) -> Serve | BaseException:
    """Return the loop that answers calls, or why it cannot be imported, which the reply to the source will tell."""
    try:
        return _import_libraries(settings)
    except BaseException as error:
        return error


def _import_libraries(settings: dict[str, Any]) -> Serve:
    """Import NumPy and torch, and the loop that needs them, before the submission can put its own in their place."""
    sys.path.extend(settings["import_paths"])
    # Libraries ask for the folder of temporary files when they are imported; Python would try to write into each.
    tempfile.tempdir = os.environ.get("TMPDIR", "/nonexistent")
    # torch takes dill along where it is installed, which opens the null device for writing; it does without.
    cast(dict[str, Any], sys.modules)["dill"] = None
    importlib.import_module("torch").set_num_threads(1)
    serve = importlib.import_module("maxpo_bench.sandbox.inside.serve").serve
    finder.offer_package(settings["package"])
    return serve
