"""A terminal with spate in it: what a person would see of it, and may press."""

import itertools
import os
import re
import subprocess

from spate_cli import PATIENCE_S, binary, wait_for

numbers = itertools.count()


class Terminal:
    """A tmux server of the test's own, with one window that runs spate, then says how it ended; or
    another command."""

    def __init__(self, *arguments, width=60, height=16, command=None):
        # Not an earlier one's, whose server may still be about to go.
        self.name = f"spate-test-{os.getpid()}-{next(numbers)}"
        command = command or " ".join([binary(), *map(str, arguments)])
        # An interrupt is for spate alone, and `cat` keeps the window when that has ended.
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(width), "-y", str(height),
                  f"trap : INT; env -u LC_ALL LANG=C {command}; echo ended with $?; cat")

    def tmux(self, *arguments):
        done = subprocess.run(["tmux", "-u", "-L", self.name, *arguments], capture_output=True,
                              text=True, timeout=PATIENCE_S, check=True)
        return done.stdout

    def type(self, *keys):
        for key in keys:
            self.tmux("send-keys", key)

    def say(self, text):
        self.tmux("send-keys", "-l", text)

    def screen(self):
        return self.tmux("capture-pane", "-p").rstrip("\n").split("\n")

    def wait_until(self, condition, what):
        try:
            return wait_for(condition, what)
        except TimeoutError as error:
            raise AssertionError(f"{error}; the screen:\n" + "\n".join(self.screen())) from None

    def wait_for(self, *lines):
        """Waits until the last lines of the screen are these."""
        wanted = list(lines)
        self.wait_until(lambda: self.screen()[-len(wanted):] == wanted, wanted)

    def wait_for_text(self, text):
        self.wait_until(lambda: text in "\n".join(self.screen()), text)

    def wait_for_match(self, pattern):
        """Waits until the screen matches; gives the match."""
        return self.wait_until(lambda: re.search(pattern, "\n".join(self.screen())), pattern)

    def close(self):
        self.tmux("kill-server")
