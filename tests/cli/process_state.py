"""What /proc says about a process (proc(5))."""

import os
import re
from pathlib import Path


def descriptors(pid):
    """What its descriptors are open for: {number: "socket:[1234]", ...}."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass  # Closed since.
    return found


def sockets(pid):
    return sum(target.startswith("socket:") for target in descriptors(pid).values())


def status_kib(pid, name):
    """A line of its status that counts kB, such as VmRSS."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(rf"^{name}:\s+(\d+) kB$", text, re.MULTILINE).group(1))


def is_sanitized(pid):
    """Sanitizers reserve terabytes of addresses; then memory says nothing and time little."""
    return status_kib(pid, "VmSize") > 1 << 32


def state_of(pid):
    """A letter: R and S at work or asleep, T stopped, Z a zombie. X when it is gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "X"


def is_alive(pid):
    return state_of(pid) not in "ZX"
