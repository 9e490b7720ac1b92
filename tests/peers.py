# SPDX-License-Identifier: Apache-2.0
"""Real peers, as Debian ships them: nginx and python's http.server as upstreams, dnsmasq, curl as a client."""

from __future__ import annotations

import getpass
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from wire import DEADLINE, wait_until

NGINX_CONFIG = """
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log {directory}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log {directory}/access.log;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    {http}
    server {{
        listen unix:{directory}/nginx.sock;
        listen 127.0.0.1:{port};
        root {root};
        {server}
    }}
}}
"""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
    """A port that was free a moment ago, for servers that cannot be asked for any port."""
    with socket.socket(type=kind) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def accepts(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


class Nginx:
    """nginx serving the files under `root`, unmodified. `server` and `http` are further directives for those blocks."""

    def __init__(self, directory: Path, root: Path, server: str = "", http: str = ""):
        program = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program, "nginx is missing: tools/deps test"
        self.directory = directory
        for _ in range(5):
            if self._start(program, root, server, http):
                return
        raise AssertionError(f"nginx does not start: {(directory / 'error.log').read_text()}")

    def _start(self, program: str, root: Path, server: str, http: str) -> bool:
        """False when somebody else was faster to take the port."""
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        config = self.directory / "nginx.conf"
        user = "user root;" if os.geteuid() == 0 else ""  # the folders of a test are its user's only
        config.write_text(NGINX_CONFIG.format(user=user, directory=self.directory, root=root, port=self.port,
                                              server=server, http=http), encoding="utf-8")
        self.process = subprocess.Popen(
            [program, "-p", self.directory, "-c", config, "-e", self.directory / "error.log"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or accepts(self.port), "nginx")
        return self.process.poll() is None

    def stop(self) -> None:
        """At once."""
        self.process.terminate()
        self.process.wait(DEADLINE)


class FileServer:
    """python3 -m http.server over the files under `root`."""

    def __init__(self, root: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "--directory", root, "0"],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        assert self.process.stdout
        line = self.process.stdout.readline()
        match = re.search(r"port (\d+)", line)
        assert match, f"http.server does not start: {line}"
        self.port = int(match[1])
        self.address = f"127.0.0.1:{self.port}"

    def stop(self) -> None:
        """At once."""
        self.process.terminate()
        self.process.wait(DEADLINE)
        assert self.process.stdout
        self.process.stdout.close()


class Dnsmasq:
    """A DNS server, authoritative for what it is told: `hosts` is names to addresses, `services` names to SRV
    records (target, port, priority, weight)."""

    def __init__(self, directory: Path, hosts: Mapping[str, Sequence[str]], ttl: int = 1,
                 services: Mapping[str, Sequence[tuple[str, int, int, int]]] | None = None):
        self.directory = directory
        self.ttl = ttl
        self.hosts = dict(hosts)
        self.services = dict(services or {})
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Comes up, on the same port as before."""
        program = shutil.which("dnsmasq", path="/usr/sbin:/usr/local/sbin:/usr/bin")
        assert program, "dnsmasq is missing: tools/deps test"
        self._write_hosts()
        services = [f"--srv-host={name},{target},{port},{priority},{weight}"
                    for name, records in self.services.items() for target, port, priority, weight in records]
        self.process = subprocess.Popen(
            [program, "--keep-in-foreground", "--conf-file=/dev/null", f"--user={getpass.getuser()}", "--pid-file",
             f"--port={self.port}", "--listen-address=127.0.0.1", "--bind-interfaces", "--no-resolv", "--no-hosts",
             "--local=/test/", f"--addn-hosts={self.directory / 'hosts'}", f"--local-ttl={self.ttl}", *services],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.process.poll() is not None or accepts(self.port), "dnsmasq")
        assert self.process.poll() is None, "dnsmasq does not start"

    def _write_hosts(self) -> None:
        lines = [f"{address} {name}\n" for name, addresses in self.hosts.items() for address in addresses]
        (self.directory / "hosts").write_text("".join(lines), encoding="ascii")

    def tell(self, name: str, *addresses: str) -> None:
        """From now on the name has these addresses."""
        self.hosts[name] = addresses
        self._write_hosts()
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        """Goes down: questions are refused by the system."""
        self.process.terminate()
        self.process.wait(DEADLINE)


def curl(*arguments: str | Path, deadline: float = 2 * DEADLINE) -> subprocess.CompletedProcess[bytes]:
    """curl with these arguments, silent but for errors; whatever its exit code is."""
    return subprocess.run(["curl", "--silent", "--show-error", "--noproxy", "*", *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=deadline, check=False)
