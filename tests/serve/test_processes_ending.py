"""Several processes that are one server, where one cannot begin, or ends: no caller is missed, nothing is left."""

import os
import re
import resource
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from types import SimpleNamespace

import httpx2
import pytest
from serving import until
from together import COMMAND, ENVIRONMENT, WAIT, client, counting, together, who, workers

from mrl_search.serve import Client


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_ends_is_begun_anew_and_what_it_counted_is_kept(library, how):
    with together(library, "--read-only") as server:
        with client(server) as one, client(server) as other:
            for each in (one, other):
                assert each.post("/v1/search", json={"query": "red fox"}).status_code == 200
        first = workers(server)
        os.kill(first[0], how)
        for _ in range(4):  # whoever calls meanwhile is answered by the other, the second time at the latest
            with Client(server.address, retries=1) as another:
                assert len(another.search(["red fox"])[0]) == 10
        until(lambda: len(set(workers(server)) - set(first)) == 1)
        assert any("begun anew" in line for line in server.lines)
        until(lambda: sum("Started server process" in line for line in server.lines) == 3)
        names = set()

        def both_answer():
            with client(server) as another:
                names.add(who(another.get("/healthz")))
            return len(names) == 2

        until(both_answer)
        with client(server) as another:
            assert 'requests_total{route="/v1/search",status="200"} 6.0' in another.get("/metrics").text


def test_where_none_can_be_begun_anew_the_others_go_on_until_it_can(library):
    with together(library, "--read-only") as server:
        first, pid = workers(server), server.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        files = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (files + 1, limits[1]))  # room for a caller, for no process
        os.kill(first[0], signal.SIGKILL)
        until(lambda: any("cannot be started: Too many open files" in line for line in server.lines))
        with client(server) as another:
            assert another.get("/healthz").status_code == 200
        resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
        until(lambda: sum("Started server process" in line for line in server.lines) == 3)


def test_callers_wait_where_no_connection_can_be_accepted_and_the_log_says_why(library):
    with together(library, "--read-only") as server:
        pid = server.process.pid
        limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        answers = []
        with client(server) as caller:
            thread = threading.Thread(target=lambda: answers.append(caller.get("/healthz").status_code))
            thread.start()
            until(lambda: any("no connection can be accepted: Too many open files" in line for line in server.lines))
            assert not answers
            resource.prlimit(pid, resource.RLIMIT_NOFILE, limits)
            thread.join()
        assert answers == [200]


def test_one_without_files_left_says_that_it_loses_connections(library):
    with together(library, "--read-only") as server:
        for pid in workers(server):
            limits = resource.prlimit(pid, resource.RLIMIT_NOFILE)
            resource.prlimit(pid, resource.RLIMIT_NOFILE, (3, limits[1]))
        with client(server) as caller, pytest.raises(httpx2.TransportError):
            caller.get("/healthz")
        until(lambda: any("no file descriptor left" in line for line in server.lines))


def test_one_that_cannot_begin_leaves_no_files(built, tmp_path):
    with together(built) as server:
        folder = counting(server)
        before = {path.name for path in folder.iterdir()}
        built.rename(tmp_path / "away")
        os.kill(workers(server)[0], signal.SIGKILL)
        until(lambda: sum("begun anew: there is no index" in line for line in server.lines) >= 2)
        left = {path.name for path in folder.glob("*.db")} - before
        assert len({name.rpartition("_")[2] for name in left}) <= 1  # of the one that is begun now


def test_where_all_end_at_once_callers_wait_until_one_is_begun_anew(library):
    with together(library, "--read-only") as server:
        os.kill(server.process.pid, signal.SIGSTOP)  # so that callers are there when it hears of the end
        statuses = []

        def call():
            with client(server) as another, suppress(httpx2.TransportError):
                statuses.append(another.get("/healthz").status_code)

        callers = [threading.Thread(target=call) for _ in range(20)]
        for caller in callers:
            caller.start()
        time.sleep(0.5)
        pids = workers(server)
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
        until(lambda: not workers(server))  # what has ended has no command line
        time.sleep(1)  # Linux closes what it had open a little later; what is given to it until then is lost
        os.kill(server.process.pid, signal.SIGCONT)
        for caller in callers:
            caller.join()
        assert len(statuses) >= 19  # but for one that was accepted before anything was known


def test_sigterm_finishes_what_was_begun_and_leaves_no_process(library):
    body = b'{"query": "red fox", "k": 1}'
    head = (
        b"POST /v1/search HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    )
    with together(library) as server, client(server) as known, ExitStack() as open_ones:
        port, pids = known.base_url.port, workers(server)
        callers = [open_ones.enter_context(socket.create_connection(("127.0.0.1", port), WAIT)) for _ in range(2)]
        for caller in callers:
            caller.sendall(head % len(body) + body[:5])
        time.sleep(0.3)  # until they are read
        server.process.terminate()
        until(lambda: refuses(port))
        for caller in callers:
            caller.sendall(body[5:])
        assert [caller.recv(15) for caller in callers] == [b"HTTP/1.1 200 OK"] * 2
        server.process.wait(WAIT)
        assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def test_processes_that_ended_leave_the_index_as_one_file(built):
    with together(built) as server, client(server) as one, client(server) as other:
        for each in (one, other):
            told = {"documents": [{"id": f"new{who(each.get('/healthz'))}", "text": "new"}]}
            assert each.post("/v1/documents", json=told).status_code == 200
            assert each.post("/v1/search", json={"query": "new"}).status_code == 200
    assert sorted(path.name for path in built.iterdir()) == ["index.sqlite", "segments"]


def refuses(port):
    try:
        socket.create_connection(("127.0.0.1", port), WAIT).close()
    except ConnectionRefusedError:
        return True
    return False


def test_processes_do_not_outlive_the_one_that_gives(library):
    with together(library) as server:
        pids = workers(server)
        assert len(pids) == 2
        server.process.kill()
        until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])


def test_where_the_one_that_gives_is_killed_before_the_others_are_ready_they_end_quietly(library):
    with subprocess.Popen(
        [*COMMAND, str(library), "--servers", "2"], env=ENVIRONMENT, stderr=subprocess.PIPE, text=True
    ) as process:
        server = SimpleNamespace(process=process)
        until(lambda: len(workers(server)) == 2)
        pids, folder = workers(server), counting(server)
        until(lambda: all(any(folder.glob(f"*_{pid}.db")) for pid in pids))  # they are themselves, and open the index
        process.kill()
        until(lambda: not [pid for pid in pids if Path(f"/proc/{pid}").exists()])
        assert "Traceback" not in process.stderr.read()


def test_what_all_left_that_were_killed_goes_when_others_begin_but_nothing_of_other_programs(library):
    others = Path(tempfile.mkdtemp(prefix=".others.", suffix=".unfinished", dir="/dev/shm"))
    with together(library, "--read-only") as server:
        pids, folder = workers(server), counting(server)
        os.kill(server.process.pid, signal.SIGSTOP)  # so that it does not begin others
        for pid in (*pids, server.process.pid):
            os.kill(pid, signal.SIGKILL)
        server.process.wait(WAIT)
    assert folder.is_dir()
    with together(library, "--read-only") as server:
        assert not folder.exists()
        assert counting(server).is_dir()
        assert others.is_dir()
        others.rmdir()


def test_what_one_cannot_start_for_is_one_line(library, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text("[]")
    command = [*COMMAND, str(library), "--servers", "2", "--keys", str(keys)]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, timeout=WAIT, check=False)
    assert done.returncode == 1
    assert re.fullmatch(rf"Error: the keys in {keys} cannot be read: [^\n]*\n", done.stderr)


def test_without_a_temporary_folder_is_one_line(library, tmp_path):
    """There is nowhere to count together."""
    command, nowhere = [*COMMAND, str(library), "--servers", "2"], str(tmp_path / "nowhere")
    told = (
        f"import pathlib, tempfile; tempfile.tempdir = {nowhere!r}\nfrom mrl_search.serve import processes\n"
        f"processes._MEMORY = pathlib.Path({nowhere!r})\nfrom mrl_search.cli import main\nmain({command[3:]!r})"
    )
    done = subprocess.run([sys.executable, "-c", told], env=ENVIRONMENT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert re.fullmatch(
        r"Error: processes that serve together need a temporary folder [^\n]*; set TMPDIR\n", done.stderr
    )
