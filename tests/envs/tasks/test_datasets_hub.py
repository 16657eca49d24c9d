"""A hub that gives no answer: one short request, then the cache alone; no setting is left changed."""

import contextlib
import http.server
import json
import logging
import shutil
import socket
import threading

import pytest

from maxpo_bench.envs.tasks import MissingDataError
from maxpo_bench.envs.tasks.dataset_files import read_hub
from maxpo_bench.envs.tasks.dataset_hub import offline, why_unreachable

config = pytest.importorskip("datasets").config
constants = pytest.importorskip("huggingface_hub").constants


@pytest.fixture(autouse=True)
def online(tmp_path, monkeypatch):
    """The hub's packages as they are by default, with a cache of the test's own."""
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))
    for module in (config, constants):
        monkeypatch.setattr(module, "HF_HUB_OFFLINE", False)
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def closed(monkeypatch):
    """The address of a hub where nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{holder.getsockname()[1]}"
        monkeypatch.setattr(constants, "ENDPOINT", address)
        yield address


@contextlib.contextmanager
def server(status):
    """A server that answers everything with one status; gives its address and the list of requests."""
    requests = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            requests.append(self.path)
            self.send_response(status)
            self.end_headers()

        do_GET = do_HEAD

        def log_message(self, format, *arguments):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{running.server_address[1]}", requests
        finally:
            running.shutdown()
            thread.join()


def is_restored():
    return not (config.HF_HUB_OFFLINE or constants.HF_HUB_OFFLINE)


def test_without_an_answer_there_is_one_error_and_nothing_else(closed, caplog, capsys):
    with caplog.at_level(logging.WARNING), pytest.raises(MissingDataError) as caught:
        read_hub("someone/something", None, "test")
    message = str(caught.value)
    assert f"someone/something (test) could not be read from the hub: no answer from {closed} (Connect" in message
    assert "; nor from its cache (" in message
    assert (caplog.records, *capsys.readouterr()) == ([], "", "")
    assert is_restored()


@pytest.mark.parametrize(("status", "reason"), [(200, None), (404, None), (503, "answers with status 503")])
def test_one_request_finds_out(status, reason, monkeypatch):
    with server(status) as (address, requests):
        monkeypatch.setattr(constants, "ENDPOINT", address)
        assert why_unreachable() == (reason and f"{address} {reason}")
        assert len(requests) == 1
        if reason:
            with pytest.raises(MissingDataError, match=f"{reason}; nor from its cache"):
                read_hub("someone/something", None, "test")
            assert len(requests) == 2


def test_offline_mode_asks_nobody(closed, monkeypatch):
    assert str(why_unreachable()).startswith("no answer from")
    for module in (config, constants):
        with monkeypatch.context() as patch:
            patch.setattr(module, "HF_HUB_OFFLINE", True)
            assert str(why_unreachable()).startswith("offline mode is set")
            with offline():
                assert config.HF_HUB_OFFLINE
                assert constants.HF_HUB_OFFLINE
            assert module.HF_HUB_OFFLINE
    with pytest.raises(ZeroDivisionError), offline():
        _ = 1 / 0
    assert is_restored()


def test_an_earlier_download_is_read_without_the_hub(closed, tmp_path):
    """The cache of a folder, moved to where the one of a hub name is."""
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "test.jsonl").write_text(json.dumps({"problem": "p", "answer": "1"}) + "\n")
    assert len(read_hub(str(tmp_path / "own"), None, "test").rows) == 1
    (cached,) = (tmp_path / "cache").glob("*/*/*/*/dataset_info.json")
    target = tmp_path / "cache" / "someone___something" / "default" / "0.0.0" / "0123456789abcdef"
    shutil.copytree(cached.parent, target)
    for path in target.glob("*.arrow"):
        path.rename(target / "something-test.arrow")
    info = json.loads((target / "dataset_info.json").read_text())
    (target / "dataset_info.json").write_text(
        json.dumps(info | {"dataset_name": "something", "config_name": "default"})
    )
    assert read_hub("someone/something", None, "test").rows == [{"problem": "p", "answer": "1"}]
    with pytest.raises(MissingDataError, match=r"no answer from .*; nor from its cache \(ValueError: Unknown split"):
        read_hub("someone/something", None, "dev")
    assert is_restored()
