"""The commands of docs/FLEET.md, on one machine: slices of one run, started together, merged."""

import json
import os
import re
import subprocess
import tempfile
import time
import unittest
from pathlib import Path

import tap
from spate_cli import PATIENCE_S, Folder, Serve, binary, run

FLEET = Path(__file__).resolve().parents[2] / "docs/FLEET.md"
TASKS = 2
HEAD_START_S = PATIENCE_S  # For all of them to be ready, also on a busy machine.


def code_blocks():
    """Indented and fenced blocks of the page, as text."""
    text = FLEET.read_text()
    fenced = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    indented = ["\n".join(line[4:] for line in block.splitlines())
                for block in re.findall(r"(?:^    .*\n?)+", text, re.MULTILINE)]
    return fenced + indented


def shortened(command, url):
    """The page's command, at a scale for a test."""
    command = command.replace("http://server/", url)
    command = re.sub(r"-R \d+k", "-R 2k", command)
    command = re.sub(r"-d (60s|1m)", "-d 1s", command)
    return re.sub(r"-t 4 ", "-t 1 ", command)


class FleetTest(unittest.TestCase):
    def setUp(self):
        self.folder = Folder({"index.html": "hello"})
        self.addCleanup(self.folder.remove)
        self.server = Serve(self.folder.path)
        self.addCleanup(self.server.__exit__)
        self.work = Path(tempfile.mkdtemp(prefix="spate-fleet-"))
        # `spate` in the commands is the program under test.
        (self.work / "spate").symlink_to(binary())
        self.environment = os.environ | {"PATH": f"{self.work}:{os.environ['PATH']}"}

    def start(self, command, **environment):
        return subprocess.Popen(["bash", "-c", command], cwd=self.work, text=True,
                                env=self.environment | environment, stdout=subprocess.PIPE)

    def merge(self):
        parts = sorted(self.work.glob("part-*.json"))
        self.assertEqual(len(parts), TASKS)
        merged = run("load", "merge", "--json", "-", "--html", self.work / "all.html", *parts)
        self.assertEqual(merged.returncode, 0, merged.stderr)
        self.assertIn("<svg", (self.work / "all.html").read_text())
        return json.loads(merged.stdout), [json.loads(part.read_text()) for part in parts]

    def assert_one_run(self):
        whole, parts = self.merge()
        planned = [part["totals"]["planned"] for part in parts]
        self.assertEqual(whole["totals"]["planned"], sum(planned))
        self.assertEqual(sum(planned), 2000)
        self.assertEqual(whole["merged_from"], TASKS)
        starts = [part["run"]["started"] for part in parts]
        self.assertLess(max(starts) - min(starts), 1_000_000)  # ns; two clocks are read.
        ok = sum(part["totals"]["ok"] for part in parts)
        self.assertEqual(whole["latency"]["count"], ok)

    def test_slurm(self):
        block = next(each for each in code_blocks() if each.startswith("srun"))
        # What srun runs is the script in its quotes, once the start has been put in.
        script = re.search(r"bash -c '(.*)'\n", block, re.DOTALL).group(1)
        script = re.sub(r"""@'".*?"'""", f"@{int(time.time() + HEAD_START_S)}", script)
        tasks = [self.start(shortened(script, self.server.url), SLURM_PROCID=str(number),
                            SLURM_NTASKS=str(TASKS)) for number in range(TASKS)]
        for task in tasks:
            task.communicate(timeout=3 * PATIENCE_S)
            self.assertEqual(task.returncode, 0)
        self.assert_one_run()

    def test_kubernetes(self):
        manifest = next(each for each in code_blocks() if "completionMode" in each)
        folded = manifest.split(">-\n", 1)[1]
        command = " ".join(line.strip() for line in folded.splitlines())
        command = shortened(command, self.server.url).replace("/8", f"/{TASKS}")
        start = str(int(time.time() + HEAD_START_S))
        pods = [self.start(command, JOB_COMPLETION_INDEX=str(number), START_AT=start)
                for number in range(TASKS)]
        for number, pod in enumerate(pods):
            output, _ = pod.communicate(timeout=3 * PATIENCE_S)
            self.assertEqual(pod.returncode, 0)
            (self.work / f"part-{number}.json").write_text(output)
        self.assert_one_run()


if __name__ == "__main__":
    tap.main()
