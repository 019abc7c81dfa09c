"""Networks of our own: two namespaces with a wire between them, shaped to a rate; and one for a
whole command, with a congestion control of its choice. Whether they can be made is tried."""

import os
import re
import subprocess
from pathlib import Path

from programs import RunFailed

# Of each Ethernet frame of 1514 bytes that the shaper counts, 1448 are the stream's: MTU 1500
# less 20 of IPv4 and 32 of TCP with timestamps. Preamble, checksum and gap are not counted.
PAYLOAD_SHARE = 1448 / 1514


CONGESTION_CONTROL = "/proc/sys/net/ipv4/tcp_congestion_control"
AVAILABLE = "/proc/sys/net/ipv4/tcp_available_congestion_control"
ALLOWED = "/proc/sys/net/ipv4/tcp_allowed_congestion_control"
PREFIX = "spate-bench"
NAMESPACES = Path("/run/netns")


def ip(*words):
    tool(["ip", *words])


def tool(command):
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as failure:
        raise RunFailed(f"{command[0]}: {failure}") from failure
    if done.returncode != 0:
        words = (word for word in command if " " not in word)  # Without scripts.
        raise RunFailed(f"{' '.join(words)}: {done.stderr.strip()}")


def congestion_control():
    """This network's; a new namespace may begin with another."""
    return Path(CONGESTION_CONTROL).read_text().strip()


def available():
    """The congestion controls that this kernel has loaded."""
    return Path(AVAILABLE).read_text().split()


def allowed():
    """Those of them that a new network may begin with."""
    return Path(ALLOWED).read_text().split()


def set_up(congestion):
    """The words of a command for what comes after them, within a network: makes its loopback and
    its congestion control before."""
    script = f'ip link set lo up && echo "$1" > {CONGESTION_CONTROL} && shift && exec "$@"'
    return ["sh", "-c", script, "sh", congestion]


def make_namespace(name):
    """With the congestion control of the network that we are in."""
    ip("netns", "add", name)
    ip("netns", "exec", name, *set_up(congestion_control()), "true")


def delete_namespace(name):
    """Devices go with it."""
    subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)


def delete_left_overs():
    """Namespaces of runs that were killed."""
    for path in NAMESPACES.glob(f"{PREFIX}-*"):
        match = re.fullmatch(rf"{PREFIX}-(\d+)-\w+", path.name)
        if match and not Path(f"/proc/{match[1]}").exists():
            delete_namespace(path.name)


class Wire:
    """A pair of veth devices, MTU 1500. Segments cross it whole, as they would reach a network card
    that cuts and joins them (TSO, GRO): what is measured is the programs, not the cutting."""

    def __init__(self):
        self.server, self.client = (f"{PREFIX}-{os.getpid()}-{end}" for end in "sc")
        self.device = "wire0"
        self.address = "10.199.0.1"

    def __enter__(self):
        try:
            for namespace in (self.server, self.client):
                make_namespace(namespace)
            ip("link", "add", self.device, "mtu", "1500", "netns", self.server, "type", "veth",
               "peer", "name", self.device, "mtu", "1500", "netns", self.client)
            for namespace, last in ((self.server, 1), (self.client, 2)):
                ip("-n", namespace, "addr", "add", f"10.199.0.{last}/24", "dev", self.device)
                ip("-n", namespace, "link", "set", self.device, "up")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        for namespace in (self.server, self.client):
            delete_namespace(namespace)

    def shape(self, bits_per_s):
        """What the server sends, by a token bucket of 1 ms and at least 256 KiB."""
        burst = max(int(bits_per_s / 8 / 1000), 256 << 10)
        tool(["tc", "-n", self.server, "qdisc", "replace", "dev", self.device, "root", "tbf",
              "rate", str(int(bits_per_s)), "burst", str(burst), "latency", "20ms"])


def why_no_wire():
    """None if one can be made and shaped; else what stands against it."""
    try:
        with Wire() as wire:
            wire.shape(1e9)
    except (RunFailed, OSError) as failure:
        return str(failure)
    return None


def within(congestion):
    """The words of a command for what comes after them, in a network of its own."""
    return ["unshare", "-n", *set_up(congestion)]


def why_not_within(congestion):
    if congestion not in allowed():
        return f"a new network may begin with {', '.join(allowed())} alone ({ALLOWED} says so)"
    try:
        tool([*within(congestion), "true"])
    except RunFailed as failure:
        return str(failure)
    return None
