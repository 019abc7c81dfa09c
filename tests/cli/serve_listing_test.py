"""`spate serve` and folders: what a listing shows, under which names, and to whom."""

import json
import os
import socket
import unittest
from html.parser import HTMLParser
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

import tap
from raw_http import Connection
from served_folder import LONG_AGO_S, ServedFolder, age, url_path
from spate_cli import Folder, Serve

HOSTILE_NAMES = [name.encode() if isinstance(name, str) else name for name in (
    "line\nfeed", 'quo"te', "apo'strophe", "sp ace", " before", "after ", "tab\ttab", "\x01\x7f",
    "per%cent", "per%41cent", "%2e%2e", "que?stion", "ha#sh", "back\\slash", "-dash", "--help",
    "..;", "...", ".;x", "<b>", "<script>alert(1)<!--", "&amp;", "]]>", "http:", "javascript:x",
    "semi;colon", "a=b&c=d", "plus+plus", "tilde~", "$(id)", "`id`", "|", "*", "[x]", "{y}", "@",
    "\u00fcn\u00ef", "\u202etxt.exe", "\U0001f30a", b"\xff\xfe", b"caf\xe9", b"\xc3",
    b"\xed\xa0\x80", "a" * 255, "\u00fc" * 127, "CON", "index.html.br",
)]
CONTENTS = sorted(b"content of " + name for name in HOSTILE_NAMES)


class Links(HTMLParser):
    """The links in a listing's rows, and all elements there are."""

    def __init__(self, text):
        super().__init__()
        self.links, self.elements, self.in_row = [], set(), False
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.elements.add(tag)
        self.in_row = tag in ("td", "a") if self.in_row else tag == "td"
        if tag == "a" and self.in_row:
            self.links.append(dict(attributes)["href"])


class ListingTest(ServedFolder):
    def names_in_page(self, target, *fields):
        answer = self.ask(target, *fields)
        self.assertEqual(answer.status, 200)
        return Links(answer.body.decode()).links

    def names_in_json(self, target, *fields):
        return [entry["name"] for entry in json.loads(self.ask(target, *fields).body)["entries"]]


class HostileNamesTest(ListingTest):
    FOLDER = os.fsencode('fo lder\n"%41<\\')
    ARGUMENTS = ("--dotfiles",)

    @classmethod
    def prepare(cls):
        os.mkdir(os.fsencode(cls.folder.path) + b"/" + cls.FOLDER)
        for name in HOSTILE_NAMES:
            with open(os.path.join(os.fsencode(cls.folder.path), cls.FOLDER, name), "wb") as file:
                file.write(b"content of " + name)

    def test_each_is_served_by_its_name(self):
        with Connection(self.server.address) as connection:
            for name in HOSTILE_NAMES:
                answer = connection.ask(url_path(self.FOLDER + b"/" + name))
                self.assertEqual((answer.status, answer.body), (200, b"content of " + name), name)

    def follow(self, hrefs):
        """Resolves links as a browser does, fetches them, and gives the contents."""
        base = self.server.url + url_path(self.FOLDER)[1:] + "/"
        contents = []
        with Connection(self.server.address) as connection:
            for href in hrefs:
                target = urlsplit(urljoin(base, href))
                self.assertEqual((target.query, target.fragment), ("", ""), href)
                contents.append(connection.ask(target.path).body)
        return sorted(contents)

    def test_the_page_leads_to_each(self):
        hrefs = self.names_in_page(url_path(self.FOLDER) + "/")
        self.assertEqual(self.follow(href for href in hrefs if href != "../"), CONTENTS)

    def test_the_json_leads_to_each(self):
        listing = json.loads(self.ask(url_path(self.FOLDER) + "/?format=json").body)
        self.assertEqual(listing["path"], "/" + self.FOLDER.decode() + "/")
        found = [entry["href"] for entry in listing["entries"]]
        self.assertEqual(self.follow(found), CONTENTS)
        for entry in listing["entries"]:
            name = unquote_to_bytes(entry["href"])
            self.assertEqual(entry["size"], len(name) + len(b"content of "))
            if "\ufffd" not in entry["name"]:
                self.assertEqual(entry["name"].encode(), name)

    def test_no_name_becomes_markup(self):
        page = self.ask(url_path(self.FOLDER) + "/")
        self.assertNotIn(b"<b>", page.body)
        self.assertNotIn(b"<script>alert", page.body)
        self.assertIsNotNone(page["Content-Security-Policy"])
        self.assertEqual(page["X-Content-Type-Options"], "nosniff")

    def test_no_name_becomes_a_field(self):
        answer = self.ask(url_path(self.FOLDER))
        self.assertEqual((answer.status, answer["Location"]), (301, url_path(self.FOLDER) + "/"))
        answer = self.ask(url_path(self.FOLDER + b"/line\nfeed") + "?download")
        self.assertNotIn("\n", answer["Content-Disposition"])


class WhatIsListedTest(ListingTest):
    FILES = {"a10.txt": "0123456789", "a2.txt": "01", "B.txt": "0", "sub/x": "x", ".hidden": "h",
             ".well-known/y": "y", "indexed/index.html": "<h1>hello</h1>", "indexed/other": "o"}

    @classmethod
    def prepare(cls):
        os.mkfifo(cls.folder / "fifo")
        for name, target in {"in": "a2.txt", "in_sub": "sub", "out": "/etc/passwd",
                             "out_folder": "/etc", "dangling": "nowhere"}.items():
            os.symlink(target, cls.folder / name)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(cls.folder / "socket"))

    def test_what_can_be_had_and_nothing_else(self):
        names = ["in_sub", "indexed", "sub", "a2.txt", "a10.txt", "B.txt", "in"]
        self.assertEqual(self.names_in_json("/?format=json"), names)
        hrefs = [href.rstrip("/") for href in self.names_in_page("/")]
        self.assertEqual(hrefs, names)

    def test_an_entry_in_json(self):
        listing = json.loads(self.ask("/?format=json").body)
        entry = next(each for each in listing["entries"] if each["name"] == "a10.txt")
        self.assertEqual(entry, {"name": "a10.txt", "type": "file", "size": 10,
                                 "mtime": LONG_AGO_S, "href": "a10.txt"})
        folder = next(each for each in listing["entries"] if each["name"] == "sub")
        self.assertEqual((folder["type"], folder["size"], folder["href"]), ("folder", None, "sub/"))

    def test_json_is_what_programs_ask_for(self):
        for accept, media_type in [("application/json", "application/json"),
                                   ("text/html", "text/html; charset=utf-8"),
                                   ("text/html, application/json;q=0.9",
                                    "text/html; charset=utf-8"),
                                   ("*/*", "text/html; charset=utf-8")]:
            answer = self.ask("/", f"Accept: {accept}")
            self.assertEqual(answer["Content-Type"], media_type, accept)
            self.assertIn("Accept", answer["Vary"])

    def test_sorted_and_filtered(self):
        files = lambda query: [name for name in self.names_in_json("/?format=json&" + query)
                               if name.endswith(".txt")]
        self.assertEqual(files("sort=size"), ["B.txt", "a2.txt", "a10.txt"])
        self.assertEqual(files("sort=name&order=desc"), ["B.txt", "a10.txt", "a2.txt"])
        self.assertEqual(files("q=A1"), ["a10.txt"])

    def test_an_index_stands_for_its_folder(self):
        answer = self.ask("/indexed/")
        self.assertEqual(answer.body, b"<h1>hello</h1>")
        self.assertEqual(answer["Content-Type"], "text/html; charset=utf-8")
        self.assertEqual(self.ask("/indexed/", f"If-None-Match: {answer['ETag']}").status, 304)

    def test_json_lists_a_folder_with_an_index_too(self):
        """Else `spate get -r` could fetch no site."""
        for query, fields in [("?format=json", []), ("", ["Accept: application/json"])]:
            self.assertEqual(self.names_in_json("/indexed/" + query, *fields),
                             ["index.html", "other"])
        for accept in ("text/html", "*/*", "text/html, application/json"):
            answer = self.ask("/indexed/", f"Accept: {accept}")
            self.assertEqual((answer.body, answer["Vary"]), (b"<h1>hello</h1>", "Accept"))

    def test_nothing_but_files_and_folders_is_opened(self):
        for name in ("fifo", "socket", "out", "out_folder/passwd", "dangling", ".hidden"):
            self.assertEqual(self.ask("/" + name).status, 404, name)
        for name, body in {"in": b"01", "in_sub/x": b"x", ".well-known/y": b"y"}.items():
            self.assertEqual(self.ask("/" + name).body, body)

    def test_devices_are_not_opened(self):
        path = self.folder / "device"
        try:
            os.mknod(path, 0o20666, os.makedev(1, 5))  # /dev/zero
        except PermissionError:
            self.skipTest("making a device takes privileges")
        self.addCleanup(path.unlink)
        self.assertEqual(self.ask("/device").status, 404)
        self.assertNotIn("device", self.names_in_json("/?format=json"))


class ListingOptionsTest(unittest.TestCase):
    FILES = {"sub/a": "a", ".hidden": "h", "sub/home.htm": "home"}

    def serve(self, *arguments):
        folder = self.enterContext(Folder(self.FILES))
        for name in self.FILES:
            age(folder / name)
        server = self.enterContext(Serve(folder.path, *arguments))
        self.addCleanup(server.stop)
        return Connection(server.address)

    def test_no_listing(self):
        with self.serve("--no-listing") as connection:
            for target in ("/sub/", "/sub/?format=json"):
                self.assertEqual(connection.ask(target).status, 404)
            self.assertEqual(connection.ask("/sub").status, 301)
            self.assertEqual(connection.ask("/sub/a").body, b"a")

    def test_no_listing_in_json_either(self):
        with self.serve("--no-listing", "--index", "home.htm") as connection:
            answer = connection.ask("/sub/?format=json")
            self.assertEqual((answer.body, answer["Vary"]), (b"home", None))

    def test_index(self):
        with self.serve("--index", "home.htm") as connection:
            self.assertEqual(connection.ask("/sub/").body, b"home")

    def test_no_index(self):
        self.FILES = {"index.html": "index", "a": "a"}
        with self.serve("--no-index") as connection:
            names = [each["name"] for each in json.loads(connection.ask("/?format=json").body)
                     ["entries"]]
            self.assertEqual(names, ["a", "index.html"])

    def test_dotfiles(self):
        with self.serve("--dotfiles") as connection:
            self.assertEqual(connection.ask("/.hidden").body, b"h")
            names = [each["name"] for each in json.loads(connection.ask("/?format=json").body)
                     ["entries"]]
            self.assertEqual(names, ["sub", ".hidden"])


if __name__ == "__main__":
    tap.main()
