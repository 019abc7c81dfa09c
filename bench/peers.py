"""spate beside other programs, command by command.

    scripts/bench peers [serve|get|load|relay|udp]... [--rounds N] [--seconds S] [--mib N]

All by default; programs that are not installed are skipped (scripts/setup --peers installs them).
Everything on loopback; a processor a side, but for relay, which pins nothing. How figures come
about: bench/rounds.py; what is measured: bench/peers_NAME.py. Each table goes to bench/results/ as
JSON, too.
"""

import parts
import peers_get
import peers_load
import peers_relay
import peers_serve
import peers_udp

PARTS = {"serve": peers_serve.compare, "get": peers_get.compare, "load": peers_load.compare,
         "relay": peers_relay.compare, "udp": peers_udp.compare}


def main(arguments):
    return parts.main("peers", __doc__.splitlines()[0], PARTS, arguments, rounds=12, seconds=2)
