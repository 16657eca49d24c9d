"""Steps that Ctrl-C must not cut in half."""

import signal
import threading

import pytest

from maxpo_bench.sweep.engines.interrupts import uninterrupted


@pytest.fixture
def terminable():
    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    yield interrupt
    signal.signal(signal.SIGTERM, before)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_block_is_finished_first(terminable, number):
    steps = []

    def work():
        with uninterrupted():
            signal.raise_signal(number)
            steps.append("inside")
        steps.append("behind")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert steps == ["inside"]
    assert signal.getsignal(signal.SIGTERM) is terminable
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_the_second_signal_goes_through(terminable):
    def work():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            pytest.fail("held back for ever")

    with pytest.raises(KeyboardInterrupt):
        work()
    assert signal.getsignal(signal.SIGTERM) is terminable


def test_what_is_ignored_stays_ignored():
    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGTERM)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGTERM, before)


def test_other_threads_are_left_alone():
    done = []

    def work():
        with uninterrupted():
            done.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert done == [signal.default_int_handler]
