"""Two network namespaces with a wire between them, shaped to a rate. Needs root."""

import os
import subprocess
from pathlib import Path

from programs import RunFailed

# Of each Ethernet frame of 1514 bytes that the shaper counts, 1448 are the stream's: MTU 1500
# less 20 of IPv4 and 32 of TCP with timestamps. Preamble, checksum and gap are not counted.
PAYLOAD_SHARE = 1448 / 1514


def ip(*words):
    tool(["ip", *words])


def tool(command):
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(command)}: {done.stderr.strip()}")


def congestion_control():
    """The machine's; a new namespace may begin with another."""
    return Path("/proc/sys/net/ipv4/tcp_congestion_control").read_text().strip()


class Wire:
    """A pair of veth devices, MTU 1500. Segments cross it whole, as they would reach a network card
    that cuts and joins them (TSO, GRO): what is measured is the programs, not the cutting."""

    def __init__(self):
        self.server, self.client = (f"spate-bench-{os.getpid()}-{end}" for end in "sc")
        self.device = "wire0"
        self.address = "10.199.0.1"

    def __enter__(self):
        try:
            for namespace in (self.server, self.client):
                ip("netns", "add", namespace)
                ip("-n", namespace, "link", "set", "lo", "up")
                ip("netns", "exec", namespace, "sysctl", "-qw",
                   f"net.ipv4.tcp_congestion_control={congestion_control()}")
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
        """The devices go with their namespaces."""
        for namespace in (self.server, self.client):
            subprocess.run(["ip", "netns", "del", namespace], capture_output=True, timeout=20)

    def shape(self, bits_per_s):
        """What the server sends, by a token bucket of 1 ms and at least 256 KiB."""
        burst = max(int(bits_per_s / 8 / 1000), 256 << 10)
        tool(["tc", "-n", self.server, "qdisc", "replace", "dev", self.device, "root", "tbf",
              "rate", str(int(bits_per_s)), "burst", str(burst), "latency", "20ms"])


def may_make():
    return os.geteuid() == 0
