"""How many seeds a seeded test tries: as tests/seeds.hpp, by the same environment variable."""

import os


def seeds(usual):
    """The seeds to try: `usual` times SPATE_SEEDS of them, and at least one."""
    factor = float(os.environ.get("SPATE_SEEDS", 1))
    return range(1, max(1, int(usual * factor)) + 1)
