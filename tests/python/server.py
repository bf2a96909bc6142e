"""Starts the tradewind binary for a test and stops it again."""

import os
import pathlib
import re
import select
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = str(ROOT / os.environ.get("TRADEWIND_BIN", "target/release/tradewind"))
READY_WITHIN_S = 30
ADDRESSES = re.compile(
    rb"listening on (http://127\.0\.0\.1:\d+).*management (http://127\.0\.0\.1:\d+)", re.DOTALL
)


class Server:
    """One router on a free port, with a data folder of its own and these `KEY=VALUE` settings."""

    def __init__(self, *settings: str) -> None:
        self._settings = settings
        self._folder = tempfile.TemporaryDirectory(prefix="tradewind-test-")
        self._process: subprocess.Popen | None = None
        self.url = ""
        self.management = ""

    def start(self) -> None:
        self._log = open(pathlib.Path(self._folder.name) / "server.log", "ab")
        command = [BINARY, "serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"]
        command += ["--data", str(pathlib.Path(self._folder.name) / "data")]
        for setting in self._settings:
            command += ["--set", setting]
        self._process = subprocess.Popen(
            command, cwd=self._folder.name, stdout=subprocess.PIPE, stderr=self._log
        )
        self.url, self.management = self._wait_for_addresses()

    def _wait_for_addresses(self) -> tuple[str, str]:
        seen = b""
        until = time.monotonic() + READY_WITHIN_S
        pipe = self._process.stdout
        os.set_blocking(pipe.fileno(), False)
        while time.monotonic() < until:
            select.select([pipe], [], [], until - time.monotonic())
            part = pipe.read()
            if part == b"":
                break
            seen += part or b""
            found = ADDRESSES.search(seen)
            if found:
                return found.group(1).decode(), found.group(2).decode()
        raise RuntimeError(f"{BINARY} did not say where it listens: {seen!r}\n{self.log()}")

    def kill(self) -> None:
        """As a power cut: no handler runs, nothing is flushed."""
        self._process.kill()
        self._reap()

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
            self._reap()
        self._folder.cleanup()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def key(self) -> str:
        """What opens management."""
        return (pathlib.Path(self._folder.name) / "data" / "admin.key").read_text()

    def log(self) -> str:
        return (pathlib.Path(self._folder.name) / "server.log").read_text(errors="replace")

    def _reap(self) -> None:
        self._process.wait()
        self._process.stdout.close()
        self._log.close()
        self._process = None
