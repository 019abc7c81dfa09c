"""Running the spate program from a test.

    with Folder({"a.txt": b"hello"}) as folder, Serve(folder.path) as server:
        urllib.request.urlopen(server.url + "a.txt")
        server.stop()           # SIGTERM; raises unless it exits with 0

Nothing here sleeps for a fixed time: whoever waits, waits for an event, with a limit.
"""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

PATIENCE_S = 20.0  # How long anything may take on a busy machine before a test gives it up.
URL = r"https?://(\[[0-9a-fA-F:.%]+\]|[^\s/:]+)(:\d+)?/?"


def binary():
    """The program under test: $SPATE, else the one that scripts/spate builds."""
    root = Path(__file__).resolve().parents[2]
    return os.environ.get("SPATE", str(root / "build/tools/spate"))


def binary_for_all(folder):
    """A copy of the program that other users may run too, wherever the clone lies: below /root
    nobody else may look. For `executable=`."""
    folder.path.chmod(0o755)
    copy = shutil.copy(binary(), folder.path)
    os.chmod(copy, 0o755)
    return copy


def run(*arguments, **options):
    """Runs spate to its end; gives a CompletedProcess with text output, whatever its status."""
    settings = {"capture_output": True, "text": True, "timeout": PATIENCE_S} | options
    return subprocess.run([binary(), *map(str, arguments)], **settings)


def wait_for(condition, what="a condition", limit_s=PATIENCE_S):
    """Polls until `condition()` is true and gives its value. The one place that may sleep: for
    what only polling shows, such as another process's state."""
    give_up = time.monotonic() + limit_s
    while time.monotonic() < give_up:
        value = condition()
        if value:
            return value
        time.sleep(0.005)
    raise TimeoutError(f"{what}: not within {limit_s:g} s")


class Folder:
    """A temporary folder with the given files: {"name/of/file": bytes or text}."""

    def __init__(self, files=None, parent=None):
        self.path = Path(tempfile.mkdtemp(prefix="spate-test-", dir=parent))
        for name, content in (files or {}).items():
            self.write(name, content)

    def write(self, name, content=b""):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def __truediv__(self, name):
        return self.path / name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.remove()

    def remove(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Program:
    """A spate that runs in the background; both of its outputs are collected as they come.
    Killed at the end of a `with` if it has not ended by itself. With stdin=subprocess.PIPE it
    can be typed to.

    While it runs, what it says is waited for: `wait_for_output`, `wait_for_count`. `stdout` and
    `stderr` are there once it has ended, since before that the next line may be on its way."""

    def __init__(self, *arguments, stdin=subprocess.DEVNULL, within=(), **options):
        """`within`: a command that becomes spate, instead of spate itself."""
        self.process = subprocess.Popen(
            [*(within or [binary()]), *map(str, arguments)], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, errors="replace", **options)
        self.arrived = threading.Condition()
        self.output = {"stdout": "", "stderr": ""}
        self.readers = [
            threading.Thread(target=self._collect, args=(name,), daemon=True)
            for name in self.output]
        for reader in self.readers:
            reader.start()

    def _collect(self, name):
        for line in getattr(self.process, name):
            with self.arrived:
                self.output[name] += line
                self.arrived.notify_all()
        with self.arrived:  # The end of the output is news as well.
            self.arrived.notify_all()

    @property
    def stdout(self):
        return self._whole("stdout")

    @property
    def stderr(self):
        return self._whole("stderr")

    def _whole(self, name):
        if self.process.poll() is None or not self._outputs_ended():
            raise RuntimeError(f"{name} is not whole while the program runs: wait for its end")
        return self.output[name]

    def _outputs_ended(self):
        return not any(reader.is_alive() for reader in self.readers)

    def wait_for_output(self, pattern, limit_s=PATIENCE_S):
        """Waits until either output matches; gives the match."""
        give_up = time.monotonic() + limit_s
        with self.arrived:
            while True:
                ended = self.process.poll() is not None and self._outputs_ended()
                for text in self.output.values():
                    if match := re.search(pattern, text):
                        return match
                left = give_up - time.monotonic()
                if ended or left <= 0:
                    raise AssertionError(f"no match for {pattern} in its output; {self.describe()}")
                self.arrived.wait(min(left, 0.05))

    def wait_for_count(self, text, count):
        """Waits until `text` stands `count` times in its outputs, and not more often."""
        seen = wait_for(lambda: self._count(text) >= count and self._count(text),
                        f"{text!r} {count} times; {self.describe()}")
        if seen != count:
            raise AssertionError(f"{text!r} {seen} times, wanted {count}; {self.describe()}")

    def _count(self, text):
        return sum(output.count(text) for output in self.output.values())

    def type(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def end_input(self):
        self.process.stdin.close()

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self, limit_s=PATIENCE_S):
        """Waits for its end and all of its output; gives the exit status."""
        status = self.process.wait(limit_s)
        for reader in self.readers:
            reader.join(limit_s)
        return status

    def stop(self, expected_status=0):
        """Asks it to stop by SIGTERM, and checks how it ended."""
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        if status != expected_status:
            raise AssertionError(f"wanted exit status {expected_status}; {self.describe()}")

    def describe(self):
        return (f"exit status {self.process.poll()}\nstdout: {self.output['stdout']}\n"
                f"stderr: {self.output['stderr']}")

    def __enter__(self):
        return self

    def __exit__(self, _type=None, error=None, _traceback=None):
        ended = self.process.poll()
        if ended is None:
            self.process.kill()
        self.wait()
        if error is not None:  # Why a test failed may stand there.
            state = "still ran" if ended is None else f"had ended with {ended}"
            error.add_note(f"{self.process.args[1:]} {state}\n"
                           f"stdout: {self.output['stdout'][-4000:]}\n"
                           f"stderr: {self.output['stderr'][-4000:]}")
        if self.process.stdin and not self.process.stdin.closed:
            try:
                self.process.stdin.close()
            except BrokenPipeError:  # What was typed last was not read.
                pass
        self.process.stdout.close()
        self.process.stderr.close()


class Serve(Program):
    """`spate serve` of a folder, on a port that the kernel picks. Ready when it has said its
    address; `url` is that, with a slash at its end."""

    def __init__(self, folder, *arguments, listen=("--listen", "127.0.0.1:0"), **options):
        super().__init__("serve", *listen, *arguments, folder, **options)
        try:
            self.url = self.wait_for_output(URL).group(0).rstrip("/") + "/"
        except BaseException:
            self.__exit__()
            raise

    @property
    def host(self):
        return re.match(URL, self.url).group(1).strip("[]")

    @property
    def port(self):
        return int((re.match(URL, self.url).group(2) or ":80").lstrip(":"))

    @property
    def address(self):
        return self.host, self.port
