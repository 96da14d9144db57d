"""Two hosts on this machine: network namespaces with addresses of their own, a wire between them, and disks apart."""

import os
import secrets
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psutil
from wire import Wire

ROOT = Path(__file__).resolve().parents[2]
RAY = [sys.executable, "-m", "ray.scripts.scripts"]


class Host:
    """Namespaces of network, processes and folders. What it runs sees its own network, no processes of others (among
    which Ray's drivers would look for a node to join) and, of `own` folders, a disk of its own. Without a name: here."""

    def __init__(self, name, address, own, env):
        self.name, self.address, self.own, self.env = name, address, own, env

    @contextmanager
    def alive(self):
        """Within the block; all that runs on it ends with it."""
        mounts = "".join(f"mount -t tmpfs none {folder} && " for folder in self.own)
        spaces = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        words = ["ip", "netns", "exec", self.name, *spaces, "sh", "-c", f"{mounts}echo up && exec sleep infinity"]
        outer = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
        try:
            if outer.stdout.readline() != "up\n":
                raise RuntimeError(f"{self.name} did not come up")
            (first,) = psutil.Process(outer.pid).children()
            self.first = first.pid
            yield self
        finally:
            outer.kill()
            outer.wait(20)

    def words(self, words):
        if not self.name:
            return [*words]
        return ["nsenter", "-t", str(self.first), "--net", "--pid", "--mount", *words]

    def run(self, *words, seconds=180, check=True):
        done = subprocess.run(
            self.words(words), env=self.env, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False
        )
        if check and done.returncode:
            raise RuntimeError(f"{self.name}: {words}: {done.stderr[-2000:]}")
        return done

    def start(self, *words):
        return subprocess.Popen(
            self.words(words), env=self.env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            start_new_session=True,
        )  # fmt: skip

    def wire(self, state):
        """up, or down: as if the cable was pulled, while all processes live."""
        ip("-n", self.name, "link", "set", f"v{self.name}", state)


def ip(*words):
    subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


def are_permitted():
    """Whether this process may make namespaces: root in most places, nobody in most containers."""
    try:
        ip("netns", "add", "mrl-try")
        ip("netns", "delete", "mrl-try")
    except (OSError, subprocess.SubprocessError):
        return False
    return True


def environment():
    """Of all that runs on hosts. `ray start --head` asks others for the token of its user, if he has one; `ray start
    --address` shows none of itself, and is refused until it gives up. So both are told of one, of these hosts alone."""
    return dict(os.environ) | {
        "PYTHONPATH": str(ROOT),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_worker_niceness": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_raylet_start_wait_time_s": "40",
        "OPENBLAS_NUM_THREADS": "1",
    }


@contextmanager
def two_hosts(own_of_second, delay=0.0):
    """Two hosts, 10.77.9.1 and 10.77.9.2; the folders `own_of_second` are empty on the second, and its own. delay:
    seconds that a packet takes from one to the other."""
    env = environment()
    hosts = [Host("mrl-a", "10.77.9.1", [], env), Host("mrl-b", "10.77.9.2", [str(one) for one in own_of_second], env)]
    with ExitStack() as stack:
        for host in hosts:
            ip("netns", "add", host.name)
            stack.callback(subprocess.run, ["ip", "netns", "delete", host.name], check=False)
            stack.enter_context(host.alive())
        if delay:
            stack.enter_context(closing(Wire("vmrl-a", "vmrl-b"))).delay = delay
            for host in hosts:
                ip("link", "set", f"v{host.name}", "netns", host.name)
        else:
            ip("link", "add", "vmrl-a", "netns", "mrl-a", "type", "veth", "peer", "vmrl-b", "netns", "mrl-b")
        for host, other in (hosts, hosts[::-1]):
            ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", f"v{host.name}")
            for device in (f"v{host.name}", "lo"):
                ip("-n", host.name, "link", "set", device, "up")
            # without a route to the world Ray takes 127.0.0.1 for its address
            ip("-n", host.name, "route", "add", "default", "via", other.address)
        yield hosts


@contextmanager
def ray_on(hosts, folder):
    """A Ray node on each, whose files lie below a folder of a short name; the head is on the first. Yields the head's
    address and the processes."""
    told = ["--num-cpus=1", f"--memory={2**33}", f"--object-store-memory={100 * 2**20}", "--block"]
    with socket.create_server(("", 0)) as one:
        port = one.getsockname()[1]
    head = f"{hosts[0].address}:{port}"
    joins, nodes = ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"], []
    try:
        for host in hosts:
            nodes.append(_started(host, "start", *joins, f"--node-ip-address={host.address}", *told))
            joins = [f"--address={head}"]
        yield head, nodes
    finally:
        for node in nodes:
            end(node)


def _started(host, *words, tries=8):
    """A node that is known to the head. It is started again where that fails: on a busy machine a raylet ends itself
    when its agents have not told their ports in 15 s, whatever limits it is given (Ray 2.60)."""
    node, told = host.start(*RAY, *words), []
    for line in node.stdout:
        told.append(line)
        if "Ray runtime started" in line:
            return node
    end(node)
    if tries > 1:
        return _started(host, *words, tries=tries - 1)
    raise RuntimeError(f"Ray did not start: {''.join(told)[-2000:]}")


def end(node):
    """SIGKILLs the node and all it started."""
    try:
        family = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        try:
            one.send_signal(signal.SIGKILL)
        except psutil.NoSuchProcess:
            continue
    node.wait(20)
