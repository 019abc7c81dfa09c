"""Tests in a network of their own.

    @in_network("ip link set lo up")
    def test_that_nobody_else_takes_part(self): ...
"""

import functools
import os
import shutil
import subprocess
import sys

from spate_cli import PATIENCE_S

# Where tc(8) is, the path of whoever is not root does not lead.
ENVIRONMENT = os.environ | {"PATH": os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin"}
INSIDE = "SPATE_TEST_NETWORK"  # Set in there, to the name of the test that it was made for.


def in_network(make):
    """Makes a network by a shell command, and runs the test again in there, in a process of its
    own. Skips where no network is to be had, or what it is made of."""
    def decorate(test):
        @functools.wraps(test)
        def tried(self):
            if os.environ.get(INSIDE) == test.__name__:
                return test(self)
            alone = ["unshare", "-rn", "sh", "-c", f'{make} && exec "$@"', "sh"]
            if shutil.which("unshare") is None or subprocess.run(
                    [*alone, "true"], env=ENVIRONMENT, check=False,
                    capture_output=True).returncode != 0:
                self.skipTest(f"no network of its own to be had by: {make}")
            done = subprocess.run(
                [*alone, sys.executable, test.__globals__["__file__"], test.__name__],
                env=ENVIRONMENT | {INSIDE: test.__name__}, capture_output=True, text=True,
                timeout=3 * PATIENCE_S, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("1..1", done.stdout)
            return None
        return tried
    return decorate
