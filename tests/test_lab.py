"""The server that `make lab` starts: heard on this machine only, and open to nobody without its token."""

import json
import os
import shlex
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parent.parent
OPEN_TO_ALL = "c.ServerApp.ip = '0.0.0.0'\n"  # in the user's own settings, for some other work


def listens(about: Path) -> bool:
    """Whether the server answers already: it writes about itself before it listens."""
    try:
        return status(json.loads(about.read_text()), "api")[0] == 200
    except (OSError, ValueError):  # nobody there, or half of a file
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict]:
    """What JupyterLab writes about itself when it runs by the words of `make lab`: its url, token and pid."""
    folder = tmp_path_factory.mktemp("jupyter")
    (folder / "jupyter_server_config.py").write_text(OPEN_TO_ALL)
    words = shlex.split(subprocess.run(["make", "-n", "--no-print-directory", "lab"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert words[1:3] == ["-m", "jupyterlab"] and "token" not in " ".join(words), "others could see a token among the running programs"
    env = os.environ | {f"JUPYTER_{name}_DIR": str(folder) for name in ("CONFIG", "DATA", "RUNTIME")}
    env = {name: value for name, value in env.items() if name != "JUPYTER_TOKEN"}
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*words, "--no-browser", "--allow-root"], cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            deadline = time.monotonic() + 120
            while not (found := list(folder.glob("jpserver-*.json"))) or not listens(found[0]):
                assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.2)
            assert len(found) == 1
            yield json.loads(found[0].read_text())
        finally:
            process.terminate()
            process.wait(60)


def status(server: dict, path: str, token: str | None = None, method: str = "GET") -> tuple[int, str]:
    """The HTTP status of an answer, and the path that it came from in the end."""
    headers = {"Authorization": f"token {token}"} if token is not None else {}
    request = urllib.request.Request(server["url"] + path, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.url
    except urllib.error.HTTPError as error:
        return error.code, error.url


@pytest.mark.parametrize("token", [None, "", "wrong"])
def test_nothing_without_the_token(server: dict, token: str | None) -> None:
    """No file is read, nothing is run, and a page leads to the login."""
    for path, method in ("api/contents", "GET"), ("api/kernels", "POST"), ("api/terminals", "POST"), ("api/shutdown", "POST"), ("files/index.ipynb", "GET"):
        code, address = status(server, path, token, method)
        assert code == 403 or "/login" in address, (path, code)
    assert "/login" in status(server, "lab", token)[1]


def test_with_the_token_it_opens(server: dict) -> None:
    """So the refusals are the token's doing."""
    assert len(server["token"]) >= 32
    assert status(server, "api/contents", server["token"])[0] == 200
    code, address = status(server, "lab", server["token"])
    assert code == 200 and "/login" not in address


def test_only_this_machine_can_reach_it(server: dict) -> None:
    """The server and a running kernel listen on 127.0.0.1, whatever the user's settings say."""
    assert status(server, "api/kernels", server["token"], "POST")[0] == 201
    process, deadline = psutil.Process(server["pid"]), time.monotonic() + 60
    while True:  # until the kernel listens, too
        pids = {process.pid, *(child.pid for child in process.children(recursive=True))}
        listening = [(c.pid, c.laddr.ip) for c in psutil.net_connections("inet") if c.pid in pids and c.status == psutil.CONN_LISTEN]
        if len({pid for pid, _ in listening}) > 1:
            break
        assert time.monotonic() < deadline, listening
        time.sleep(0.2)
    assert {ip for _, ip in listening} <= {"127.0.0.1", "::1"}, listening
