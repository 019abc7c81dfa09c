"""`spate load --stream` to `spate load --sink` beside iperf3: a TCP stream in bulk, and datagrams
of 1400 bytes; a processor an end. CPU is that of both ends' processes, from their starts to their
ends. A datagram counts when it was received."""

import json
import signal

from programs import (CLIENT_CPU, SERVER_CPU, Program, RunFailed, children_cpu_s, free_port,
                      installed, run)
from results import result
from rounds import CONTROL, OURS, interleave, row

DATAGRAM_BYTES = 1400


def whole(seconds):
    """What iperf3 takes."""
    return max(1, round(seconds))


def spate_stream(settings, kind, *options):
    """Units received (bytes, datagrams), and the seconds of CPU and of the clock for them."""
    port = free_port()
    url = f"{kind}://127.0.0.1:{port}"
    size = ("--size", DATAGRAM_BYTES) if kind == "udp" else ("--size", 128 << 10)
    before = children_cpu_s()
    with Program([settings.spate, "load", "--sink", url], SERVER_CPU) as sink:
        sink.await_listening(port)
        done = run([settings.spate, "load", "-q", "--stream", "-t", "1", "-c", "1", "--warmup",
                    "0", "-d", settings.seconds, *size, *options, "--json", "-", url],
                   CLIENT_CPU)
        sink.process.send_signal(signal.SIGTERM)
        sink.process.wait(20)
    report = json.loads(done.output)
    received = (report["udp"]["received"] if kind == "udp"
                else report["streams"]["bytes_to_far_end"])
    return received, children_cpu_s() - before, report["elapsed_ns"] / 1e9


def iperf3(settings, kind):
    port = free_port()
    before = children_cpu_s()
    with Program(["iperf3", "-s", "-1", "-B", "127.0.0.1", "-p", port], SERVER_CPU) as server:
        server.await_listening(port)
        more = ["-u", "-b", "0", "-l", DATAGRAM_BYTES] if kind == "udp" else ["-l", 128 << 10]
        done = run(["iperf3", "-c", "127.0.0.1", "-p", port, "-J", "-t", whole(settings.seconds),
                    *more], CLIENT_CPU)
        server.process.wait(20)
    return read_iperf3(json.loads(done.output), kind, children_cpu_s() - before)


def read_iperf3(report, kind, cpu_s):
    """The receiver's account: what the sender says it sent is more."""
    if "error" in report:
        raise RunFailed(f"iperf3: {report['error']}")
    total = report["end"]["sum_received"]
    if not total["bytes"]:
        raise RunFailed("iperf3: nothing was received")
    received = total["bytes"] / DATAGRAM_BYTES if kind == "udp" else total["bytes"]
    return received, cpu_s, total["seconds"]


def measure(name, settings, kind):
    if name == "iperf3":
        received, cpu_s, wall_s = iperf3(settings, kind)
    else:
        options = ("--no-gso",) if name == "spate, one by one" else ()
        received, cpu_s, wall_s = spate_stream(settings, kind, *options)
    return {"received/s": received / wall_s, "cpu": cpu_s / received * 1e9}


def compare(settings):
    names = [OURS, CONTROL, *(["iperf3"] if installed("iperf3") else [])]
    tcp = interleave(names, settings, lambda name: measure(name, settings, "tcp"))
    both = interleave([*names, "spate, one by one"], settings,
                      lambda name: measure(name, settings, "udp"))
    rivals = ("iperf3",)
    gigabytes = {name: [value / 1e9 for value in values]
                 for name, values in tcp["received/s"].items()}
    notes = ["iperf3 sends datagrams one by one; spate joins them (GSO and GRO) unless it is told "
             "not to, by --no-gso."]
    return [
        result("stream-tcp-cpu", "A TCP stream in bulk: CPU of both ends", "s/GB",
               [row("TCP, 128 KiB writes", tcp["cpu"])]),
        result("stream-tcp-rate", "A TCP stream in bulk: received", "GB/s",
               [row("TCP, 128 KiB writes", gigabytes, "higher")], better="higher"),
        result("stream-udp-cpu", "Datagrams one way: CPU of both ends for one received", "ns",
               [row("UDP, 1400 B", both["cpu"], rivals=rivals)], notes=notes),
        result("stream-udp-rate", "Datagrams one way: received per second", "",
               [row("UDP, 1400 B", both["received/s"], "higher", rivals=rivals)],
               better="higher"),
    ], [settings.spate, "iperf3"]
