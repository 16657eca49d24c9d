"""Replies that no honest worker sends, from real ones and over bare pipes."""

import os
import threading
import time
from types import SimpleNamespace

import pytest
from sandbox_workers import ECHO, REWARDS, is_running

from maxpo_bench.sandbox import ProtocolViolation, SandboxError
from maxpo_bench.sandbox.channel import Channel, EndOfReplies, TimeIsUp, text_only
from maxpo_bench.sandbox.frames import LONGEST_TEXT, SIZE, Header, Kind, pack, unpack

FORGER = """
import os, struct, sys, threading, time
OUT = int(sys.argv[2])

def frame(kind, number, length, groups=0, n=0):
    return struct.pack("<4sBBHiIIIQQ", b"mxpo", kind, 0, 0, 0, groups, n, 0, number, length)

def current(frame_=None):
    # The number of the request that is being answered, dug out of the worker's own frames.
    frame_ = sys._getframe()
    while frame_ is not None:
        header = frame_.f_locals.get("header")
        if header is not None:
            return header.number
        frame_ = frame_.f_back

def advantages(rewards, k):
    {}
    return rewards
"""


def ask_often(worker):
    """Until something is wrong: a byte that is written late is found by the next request."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        worker.call(REWARDS, 2)


def forged(light, body):
    worker = light(FORGER.format(body.replace("\n", "\n    ")))
    with pytest.raises(SandboxError) as caught:
        ask_often(worker)
    assert isinstance(caught.value, ProtocolViolation), caught.value
    assert worker.closed
    assert not is_running(worker.pid)
    return str(caught.value)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("os.write(OUT, b'x')", "does not begin as a reply must"),
        ("os.write(OUT, bytes(48 + 40))", "does not begin as a reply must"),
        ("os.write(OUT, frame(13, 7, 48, 2, 3) + bytes(48))", "another number than the request"),
        (
            "os.write(OUT, frame(13, current(), 48, 2, 3) + bytes(48))",
            "sent bytes (beyond its reply|before it was asked)|another number",
        ),
        ("os.write(OUT, frame(13, current(), 2**63, 2, 3))", "reply of kind values with 9223372036854775808 bytes"),
        ("os.write(OUT, frame(13, current(), 48, 3, 2) + bytes(48))", "reply of kind values with 48 bytes may not"),
        ("os.write(OUT, frame(15, current(), 10**6) + bytes(10**6))", "reply of kind call_error with 1000000 bytes"),
        ("os.write(OUT, frame(14, current(), 3) + b'a\\0b')", "reply of kind load_error"),
        ("os.write(OUT, frame(12, current(), 0))", "reply of kind ready"),
        ("os.write(OUT, frame(99, current(), 0))", "reply of kind 99"),
        ("os.write(OUT, frame(15, current(), 3) + b'abc')", "reported an error that says nothing|sent bytes"),
        (
            "threading.active_count() > 8 or "  # below the number of threads that it may have
            "threading.Thread(target=lambda: (time.sleep(0.02), os.write(OUT, b'x')), daemon=True).start()",
            "sent bytes|does not begin",
        ),
    ],
)
def test_forged_replies(light, body, text):
    with pytest.raises(AssertionError, match=text):
        raise AssertionError(forged(light, body))


@pytest.mark.parametrize("kind", [12, 14])
def test_forged_replies_at_import(light, kind):
    source = FORGER.replace("def advantages", f"os.write(OUT, frame({kind}, 1, 0))\n\ndef advantages", 1)
    with pytest.raises(ProtocolViolation):
        light(source.format("pass"))


def test_an_early_ready_with_the_right_number_is_noticed(light):
    source = FORGER.replace("def advantages", "os.write(OUT, frame(12, current(), 0))\n\ndef advantages", 1)
    with pytest.raises(ProtocolViolation, match=r"sent bytes|another number"):
        light(source.format("pass")).call(REWARDS, 2)


def test_replaced_functions_do_not_reach_the_answers(light):
    worker = light(
        """
        import os, struct, time
        def no(*arguments, **options):
            raise KeyError("mine now")
        os.read = os.write = os.writev = os.readv = os._exit = struct.pack = struct.unpack = no
        time.time = time.monotonic = time.perf_counter = lambda: 0.0
    """
        + "\n        ".join(["", *ECHO.splitlines()])
    )
    for k in range(3):
        assert (worker.call(REWARDS, k).values == REWARDS).all()


def test_headers_survive_the_wire():
    header = Header(Kind.CALL, 2**64 - 1, 2**63, 3, 65535, -(2**31), 2**32 - 1, 7, 2**32 - 2)
    assert unpack(pack(header)) == header
    assert len(pack(header)) == SIZE
    assert unpack(b"x" + pack(header)[1:]) is None


@pytest.fixture
def pipes():
    """A channel over bare pipes, and the ends that a worker would have."""
    (theirs_in, requests), (replies, theirs_out), (errors, theirs_errors) = os.pipe(), os.pipe(), os.pipe()
    for descriptor in (requests, replies, errors):
        os.set_blocking(descriptor, False)
    open_ends = {theirs_in, requests, replies, theirs_out, errors, theirs_errors}

    def close(descriptor):
        open_ends.remove(descriptor)
        os.close(descriptor)

    process = SimpleNamespace(requests=requests, replies=replies, errors=errors)
    yield SimpleNamespace(
        channel=Channel(process), requests=theirs_in, replies=theirs_out, errors=theirs_errors, close=close
    )
    for descriptor in open_ends:
        os.close(descriptor)


def exchange(pipes, *, payload=b"", seconds=5.0):
    return pipes.channel.exchange(Header(Kind.CALL, 5, len(payload)), payload, text_only(Kind.BAD_ANSWER), seconds)


def answer_in_a_thread(pipes, reply):
    def run():
        os.read(pipes.requests, SIZE)
        os.write(pipes.replies, reply)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


def test_an_exchange_over_bare_pipes(pipes):
    thread = answer_in_a_thread(pipes, pack(Header(Kind.BAD_ANSWER, 5, 3)) + b"abc")
    header, data = exchange(pipes)
    thread.join()
    assert (header.kind, bytes(data)) == (Kind.BAD_ANSWER, b"abc")


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        (Header(Kind.BAD_ANSWER, 5, LONGEST_TEXT + 1), "with 8193 bytes"),
        (Header(Kind.VALUES, 5, 0), "of kind values"),
        (Header(Kind.BAD_ANSWER, 4, 0), "another number"),
    ],
)
def test_replies_that_may_not_come(pipes, reply, text):
    thread = answer_in_a_thread(pipes, pack(reply))
    with pytest.raises(ProtocolViolation, match=text):
        exchange(pipes)
    thread.join()


def test_bytes_before_a_request(pipes):
    os.write(pipes.replies, b"x")
    with pytest.raises(ProtocolViolation, match="before it was asked"):
        exchange(pipes)


def test_a_reply_before_the_request_was_read(pipes):
    thread = threading.Timer(0.1, lambda: os.write(pipes.replies, pack(Header(Kind.BAD_ANSWER, 5, 0))))
    thread.start()
    with pytest.raises(ProtocolViolation, match="before it had read the whole request"):
        exchange(pipes, payload=bytes(10**6))  # more than a pipe holds
    thread.join()


def test_half_a_reply_is_none(pipes):
    thread = answer_in_a_thread(pipes, pack(Header(Kind.BAD_ANSWER, 5, 3)) + b"ab")
    with pytest.raises(TimeIsUp):
        exchange(pipes, seconds=0.2)
    thread.join()


def test_the_end_of_replies(pipes):
    pipes.close(pipes.replies)
    with pytest.raises(EndOfReplies):
        exchange(pipes)


def test_nobody_reads_the_requests(pipes):
    pipes.close(pipes.requests)
    with pytest.raises(EndOfReplies):
        exchange(pipes)


def test_the_end_of_standard_error_is_kept_and_its_close_does_not_matter(pipes):
    os.write(pipes.errors, b"x" * 10_000 + b"the end")
    assert pipes.channel.errors()[-8:] == "xthe end"
    assert len(pipes.channel.errors()) == 4096
    pipes.close(pipes.errors)
    thread = answer_in_a_thread(pipes, pack(Header(Kind.BAD_ANSWER, 5, 0)))
    assert exchange(pipes)[0].kind == Kind.BAD_ANSWER
    thread.join()
    assert pipes.channel.errors().endswith("the end")
