"""`spate load` in networks of its own: one that leads nowhere, and one that is slower than it."""

import tap
from load_case import LoadCase
from load_sink_case import Sink, accounted, load
from own_network import in_network

# Less than a datagram each 10 us, behind a queue that takes more than a socket may have unsent.
SLOW = "ip link set lo up && tc qdisc add dev lo root tbf rate 8mbit burst 32kb limit 8mb"


class NetworkTest(LoadCase):
    @in_network("true")
    def test_no_way_there(self):
        for url in ("http://127.0.0.1:1/", "tcp://127.0.0.1:1", "udp://127.0.0.1:1"):
            with self.subTest(url):
                loaded = self.load("-n", 4, "-c", 2, "-d", 1, url)
                self.assertEqual((loaded.status, set(loaded.errors)), (2, {"unreachable"}),
                                 loaded.describe())
                self.assertEqual(loaded.totals["ok"], 0)

    @in_network(SLOW)
    def test_what_finds_no_room_is_the_senders_loss(self):
        with Sink("udp") as sink:
            # By an open loop: what is due and finds no room is not sent later.
            report = load(sink.url, "--rate", 20000, "-d", 1, "--no-gso")
        totals, udp = report["totals"], report["udp"]
        self.assertGreater(udp["loss_split"]["sender"], 0)
        self.assertEqual(udp["loss_split"],
                         {"sender": udp["lost"], "receiver_buffer": 0, "unexplained": 0})
        self.assertEqual([(error["class"], error["count"]) for error in report["errors"]],
                         [("send_reset", udp["lost"])])
        self.assertEqual((totals["ok"], totals["planned"]), (udp["received"], accounted(totals)))
        self.assertIn("no room", report["errors"][0]["sample"])
        self.assertIn("rate_missed", [each["code"] for each in report["warnings"]])


if __name__ == "__main__":
    tap.main()
