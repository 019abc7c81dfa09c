"""Just enough of the WebDriver protocol to drive a headless Chromium through chromedriver.

    with Browser() as browser:
        browser.open("http://127.0.0.1:8080/")
        browser.script("return document.title")
"""

import base64
import json
import re
import shutil
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

CHROMIUM = shutil.which("chromium")
DRIVER = shutil.which("chromedriver")
PATIENCE_S = 60
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # WebDriver's key for a reference to an element

SWITCHES = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-quic", "--disable-dev-shm-usage", "--hide-scrollbars",
]


def why_missing():
    """What is not installed, or None."""
    for name, path in (("chromium", CHROMIUM), ("chromedriver", DRIVER)):
        if path is None:
            return f"{name} is not installed"
    return None


class Browser:
    """A browser with a profile of its own, which is gone when the `with` ends."""

    def __init__(self, width=1280, height=800):
        self.profile = tempfile.mkdtemp(prefix="spate-browser-")
        self.driver = subprocess.Popen(
            [DRIVER, "--port=0"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, text=True)
        self.session = None
        try:
            self.address = f"http://127.0.0.1:{self._port()}"
            switches = SWITCHES + [f"--user-data-dir={self.profile}",
                                   f"--window-size={width},{height}"]
            capabilities = {
                "browserName": "chrome",
                "goog:chromeOptions": {"binary": CHROMIUM, "args": switches},
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
            }
            answer = self._call("POST", "/session",
                                {"capabilities": {"alwaysMatch": capabilities}})
            self.session = answer["sessionId"]
        except BaseException:
            self.close()
            raise

    def _port(self):
        for line in self.driver.stdout:
            if match := re.search(r"started successfully on port (\d+)", line):
                return int(match.group(1))
        raise RuntimeError("chromedriver did not start")

    def _call(self, method, path, body=None):
        if self.session is not None:
            path = f"/session/{self.session}{path}"
        request = urllib.request.Request(
            self.address + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
                return json.load(response)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(json.load(error)["value"]["message"]) from None

    def open(self, url):
        """Returns when the page and all it needs are loaded."""
        self._call("POST", "/url", {"url": url})

    @property
    def url(self):
        return self._call("GET", "/url")

    def script(self, body, *arguments):
        """Runs the body of a function, also where the page itself may run no script."""
        return self._call("POST", "/execute/sync", {"script": body, "args": arguments})

    def element(self, selector):
        return self._call("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]

    def click(self, selector):
        """As a mouse would: scrolled to, and refused when something covers it."""
        self.script("document.querySelector(arguments[0]).scrollIntoView({block: 'center'})",
                    selector)
        self._call("POST", f"/element/{self.element(selector)}/click", {})

    def type(self, selector, keys):
        self._call("POST", f"/element/{self.element(selector)}/value", {"text": keys})

    def devtools(self, command, **parameters):
        return self._call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path):
        Path(path).write_bytes(base64.b64decode(self._call("GET", "/screenshot")))

    def console(self):
        """Messages since the last call: what the page logged, and what the browser held against
        it, such as violations of its Content-Security-Policy."""
        return [f"{entry['level']}: {entry['message']}"
                for entry in self._call("POST", "/se/log", {"type": "browser"})]

    def requested(self):
        """The URLs fetched since the last call."""
        entries = self._call("POST", "/se/log", {"type": "performance"})
        events = [json.loads(entry["message"])["message"] for entry in entries]
        return [event["params"]["request"]["url"] for event in events
                if event["method"] == "Network.requestWillBeSent"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        try:
            if self.session is not None:
                self._call("DELETE", "")
        finally:
            self.driver.terminate()
            self.driver.wait(PATIENCE_S)
            self.driver.stdout.close()
            shutil.rmtree(self.profile, ignore_errors=True)
