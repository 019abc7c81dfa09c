"""Requests as bytes and the answers that are right, with the reason: RFC 9110 and 9112, and where
those leave a choice, what spate does. Played by http_test.py against the folder it makes.

In a request `{etag}` is the entity tag of /file, `{date}` its modification date, `{later}` and
`{sooner}` a second beside it.
"""

from dataclasses import dataclass, field

from raw_http import request

FILE = b"0123456789\n"
K1000 = b"".join(b"X%03dXXXXXX" % i for i in range(100))
CONTENTS = {"file": FILE, "k1000": K1000, "empty": b""}
DATES = {"sooner": "Wed, 25 Jun 2014 17:12:17 GMT", "date": "Wed, 25 Jun 2014 17:12:18 GMT",
         "later": "Wed, 25 Jun 2014 17:12:19 GMT"}
MODIFIED_S = 1403716338

WAITS = ()  # No answer yet, and the connection stays open.


@dataclass(frozen=True)
class Case:
    name: str
    raw: bytes
    statuses: tuple  # Of all answers up to the end of the connection.
    why: str
    fields: dict = field(default_factory=dict)  # Of the first answer; None is absent.
    body: bytes | None = None  # Of the first answer; None is of no matter.
    parts: tuple = ()  # Of a multipart/byteranges body: ("0-1", "5-8").


def get(target, *fields, method="GET", **parts):
    return request(target, "Connection: close", *fields, method=method, **parts)


# --- ranges: name, file, Range, what is served ("first-last"), 416, several or 200 (all), why

BAD_RANGE = "§14.2: an invalid specifier may be ignored; it is"

RANGES = [
    ("inside", "file", "bytes=3-7", "3-7", "§14.1.2"),
    ("one-byte", "file", "bytes=0-0", "0-0", "§14.1.2: both positions are inclusive"),
    ("open", "file", "bytes=4-", "4-10", "§14.1.2: up to the end"),
    ("suffix", "file", "bytes=-3", "8-10", "§14.1.2: the last three"),
    ("suffix-longer-than-file", "file", "bytes=-1000", "0-10", "§14.1.2: then all of it is meant"),
    ("suffix-of-nothing", "file", "bytes=-0", 416, "§14.1.2: a suffix of 0 is unsatisfiable"),
    ("end-beyond-file", "file", "bytes=5-1000", "5-10", "§14.1.2: an end beyond is the last byte"),
    ("exactly-all", "file", "bytes=0-10", "0-10", "§15.3.7: asked for as a range, sent as one"),
    ("one-too-many", "file", "bytes=0-11", "0-10", "§14.1.2"),
    ("begins-at-end", "file", "bytes=11-12", 416, "§15.5.17: byte 11 of 11 does not exist"),
    ("k1000-end-beyond", "k1000", "bytes=990-1990", "990-999", "§14.1.2"),
    ("k1000-ten-times-the-file", "k1000", "bytes=0-10001", "0-999", "§14.1.2"),
    ("unit-in-capitals", "file", "BYTES=3-7", "3-7", "§14.1: range units are case-insensitive"),
    ("unknown-unit", "file", "lines=1-2", 200, "§14.2: an unknown unit must be ignored"),
    ("two-parts", "file", "bytes=0-1,5-8", ["0-1", "5-8"], "§14.6: multipart/byteranges"),
    ("two-parts-open", "file", "bytes=0-1,5-", ["0-1", "5-10"], "§14.6"),
    ("overlapping-merge", "file", "bytes=0-5,3-8", "0-8", "§15.3.7.2: may be coalesced; one left"),
    ("touching-merge", "file", "bytes=0-4,5-7", "0-7", "§15.3.7.2"),
    ("two-hundred-times-all", "k1000", "bytes=" + ",".join(["0-"] * 200), "0-999",
     "§17.15: overlaps must not multiply a file"),
    ("seventeen-apart", "k1000", "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 34, 2)), 200,
     "§17.15: many small ranges are ignored as a whole"),
    ("sixteen-apart", "k1000", "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 32, 2)),
     [f"{i}-{i}" for i in range(0, 32, 2)], "the most that is served in parts"),
    ("one-of-four-unsatisfiable", "k1000", "bytes=0-9, -10, 100000-, 10-19", ["0-19", "990-999"],
     "§14.1.2: satisfiable as long as one of them is; 0-9 and 10-19 touch"),
    ("empty-elements", "k1000", "bytes=, 0-10", "0-10", "§5.6.1.2: empty elements are ignored"),
    ("empty-elements-and-tabs", "k1000", "bytes=,\t,1-3 ,, ,5-9,", ["1-3", "5-9"], "§5.6.1.2"),
    ("blank-before", "k1000", "bytes= 1-3", "1-3", "§5.6.1.2: white space round an element"),
    ("suffix-with-dash", "file", "bytes=-6-", 200, BAD_RANGE),
    ("double-dash-before", "file", "bytes=--6", 200, BAD_RANGE),
    ("double-dash-after", "k1000", "bytes=0--", 200, BAD_RANGE),
    ("three-numbers", "k1000", "bytes=-2-3", 200, BAD_RANGE),
    ("no-specifier", "file", "bytes=", 200, BAD_RANGE),
    ("word", "k1000", "bytes=alpha", 200, BAD_RANGE),
    ("word-as-end", "k1000", "bytes=10-alpha", 200, BAD_RANGE),
    ("backwards", "file", "bytes=7-3", 200, "§14.1.1: last before first is invalid"),
    ("no-unit", "k1000", "bsdfeadsfjwleakjf", 200, BAD_RANGE),
    ("one-good-one-bad", "file", "bytes=0-1,x-2", 200, BAD_RANGE),
    ("largest-signed", "file", "bytes=9223372036854775807-", 416, "§15.5.17: beyond the end"),
    ("beyond-64-bits", "file", "bytes=99999999999999999999-", 416, "no wrapping round"),
    ("sum-overflows", "file", "bytes=0-9223372036854775806,0-9223372036854775806", "0-10",
     "lengths added up must not overflow (CVE-2017-7529)"),
    ("empty-file-open", "empty", "bytes=0-", 200, "nothing to take a part of"),
    ("empty-file-suffix", "empty", "bytes=-5", 200, "nothing to take a part of"),
    ("empty-file-beyond", "empty", "bytes=1-", 416, "§15.5.17"),
]


def range_case(name, file, value, served, why):
    content = CONTENTS[file]
    raw = get(f"/{file}", f"Range: {value}")
    if served == 200:
        return Case(name, raw, (200,), why, {"Content-Range": None}, content)
    if served == 416:
        return Case(name, raw, (416,), why, {"Content-Range": f"bytes */{len(content)}"})
    if isinstance(served, list):
        return Case(name, raw, (206,), why, {"Content-Range": None}, parts=tuple(served))
    first, last = map(int, served.split("-"))
    expected = {"Content-Range": f"bytes {served}/{len(content)}",
                "Content-Length": str(last - first + 1)}
    return Case(name, raw, (206,), why, expected, content[first:last + 1])


RANGE_CASES = [range_case(*row) for row in RANGES] + [
    Case("on-post", get("/file", "Range: bytes=0-4", "Content-Length: 0", method="POST"), (405,),
         "§14.2: ranges are for GET", {"Content-Range": None}),
    Case("on-head", get("/file", "Range: bytes=0-4", method="HEAD"), (200,),
         "§14.2: ranges are for GET alone", {"Content-Range": None, "Content-Length": "11"}, b""),
    Case("given-twice", get("/file", "Range: bytes=0-1", "Range: bytes=2-3"), (200,),
         "§5.3: one value only; in doubt all of it", {}, FILE),
    Case("head-of-5-gib", get("/big5g", method="HEAD"), (200,), "lengths have 64 bits",
         {"Content-Length": "5368709120", "Accept-Ranges": "bytes"}, b""),
    Case("beyond-4-gib", get("/big5g", "Range: bytes=4294967296-4294967305"), (206,),
         "positions have 64 bits", {"Content-Range": "bytes 4294967296-4294967305/5368709120"},
         bytes(10)),
    Case("end-of-5-gib", get("/big5g", "Range: bytes=-7"), (206,), "positions have 64 bits",
         {"Content-Range": "bytes 5368709113-5368709119/5368709120"}, bytes(7)),
]

# --- conditions: name, the fields of a GET of /file, status, why

CONDITIONS = [
    ("none-match-other", ['If-None-Match: "foo"'], 200, "§13.1.2"),
    ("none-match-same", ["If-None-Match: {etag}"], 304, "§13.1.2"),
    ("none-match-weakly-same", ["If-None-Match: W/{etag}"], 304, "§13.1.2: compared weakly"),
    ("none-match-in-list", ['If-None-Match: "a,b", {etag}'], 304, "§13.1.2: commas are quoted"),
    ("none-match-any", ["If-None-Match: *"], 304, "§13.1.2"),
    ("none-match-before-date", ['If-None-Match: "foo"', "If-Modified-Since: {later}"], 200,
     "§13.1.3: the date does not count beside a tag"),
    ("match-any", ["If-Match: *"], 200, "§13.1.1: there is a representation"),
    ("match-same", ["If-Match: {etag}"], 200, "§13.1.1"),
    ("match-weakly-same", ["If-Match: W/{etag}"], 412, "§13.1.1: compared strongly"),
    ("match-other", ['If-Match: "foo"'], 412, "§13.1.1"),
    ("match-other-with-range", ['If-Match: "x"', "Range: bytes=0-4"], 412, "§13.2.2: first"),
    ("match-before-date", ["If-Match: {etag}", "If-Unmodified-Since: {sooner}"], 200,
     "§13.1.4: the date does not count beside a tag"),
    ("match-and-none-match", ["If-Match: {etag}", "If-None-Match: {etag}"], 304, "§13.2.2"),
    ("modified-since-sooner", ["If-Modified-Since: {sooner}"], 200, "§13.1.3"),
    ("modified-since-same", ["If-Modified-Since: {date}"], 304, "§13.1.3"),
    ("modified-since-later", ["If-Modified-Since: {later}"], 304, "§13.1.3: not since then"),
    ("modified-since-nonsense", ["If-Modified-Since: foobar"], 200, "§13.1.3: must be ignored"),
    ("modified-since-nothing", ["If-Modified-Since: "], 200, "§13.1.3: must be ignored"),
    ("modified-since-asctime", ["If-Modified-Since: Sun Nov  6 08:49:37 2033"], 304,
     "§5.6.7: three forms of dates must be understood"),
    ("modified-since-rfc850", ["If-Modified-Since: Sunday, 06-Nov-33 08:49:37 GMT"], 304,
     "§5.6.7"),
    ("modified-since-2038", ["If-Modified-Since: Tue, 19 Jan 2038 03:14:08 GMT"], 304,
     "seconds have 64 bits"),
    ("modified-since-twice", ["If-Modified-Since: {later}", "If-Modified-Since: {date}"], 200,
     "§13.1.3: one date only; in doubt all of it"),
    ("unmodified-since-sooner", ["If-Unmodified-Since: {sooner}"], 412, "§13.1.4"),
    ("unmodified-since-same", ["If-Unmodified-Since: {date}"], 200, "§13.1.4"),
    ("unmodified-since-nonsense", ["If-Unmodified-Since: foobar"], 200, "§13.1.4"),
    ("if-range-tag", ["Range: bytes=0-4", "If-Range: {etag}"], 206, "§13.1.5"),
    ("if-range-weak-tag", ["Range: bytes=0-4", "If-Range: W/{etag}"], 200, "§13.1.5: strong only"),
    ("if-range-other-tag", ["Range: bytes=0-4", 'If-Range: "x"'], 200, "§13.1.5: all of it"),
    ("if-range-date", ["Range: bytes=0-4", "If-Range: {date}"], 206, "§13.1.5"),
    ("if-range-later", ["Range: bytes=0-4", "If-Range: {later}"], 200, "§13.1.5: the very date"),
    ("if-range-other-unsatisfiable", ["Range: bytes=99-", 'If-Range: "x"'], 200, "§13.1.5"),
    ("if-range-alone", ['If-Range: "x"'], 200, "§13.1.5: nothing without a Range"),
]


def condition_case(name, fields, status, why):
    expected = {"ETag": "{etag}", "Last-Modified": "{date}"} if status < 400 else {}
    body = {200: FILE, 206: FILE[:5], 304: b""}.get(status)
    return Case(name, get("/file", *fields), (status,), why, expected, body)


CONDITION_CASES = [condition_case(*row) for row in CONDITIONS]

# --- targets: name, target, status, why

TARGETS = [
    ("above-root", "/../etc/passwd", 400, "RFC 3986 §5.2.4; nothing lies above a root"),
    ("far-above-root", "/../../../../../../etc/passwd", 400, "as above"),
    ("above-root-escaped", "/%2e%2e/%2e%2e/%2e%2e/%2e%2e/%2e%2e/etc/passwd", 400, "as above"),
    ("above-root-escaped-slash", "/..%2f..%2fetc/passwd", 400, "%2F separates like a slash"),
    ("above-root-through-folder", "/dir/../../../etc/passwd", 400, "as above"),
    ("escaped-twice", "/..%252f..%252f..%252fetc/passwd", 404, "decoded exactly once"),
    ("overlong-utf8", "/..%c0%af..%c0%af..%c0%afetc/passwd", 404, "bytes, never a slash"),
    ("four-dots", "/....//....//etc/passwd", 404, "an ordinary, if hidden, name"),
    ("three-dots", "/dir/.../../../etc/passwd", 404, "resolves to /etc/passwd beneath the root"),
    ("two-slashes", "//etc/passwd", 404, "beneath the root, not the file system's"),
    ("tilde", "/~root/.bashrc", 404, "a tilde is a letter like any other"),
    ("dot-dot-inside", "/dir/../file", 200, "RFC 3986 §5.2.4"),
    ("dot-dot-inside-escaped", "/dir/%2e%2e/file", 200, "RFC 3986 §6.2.2.2: the same target"),
    ("dot", "/./file", 200, "RFC 3986 §5.2.4"),
    ("two-slashes-inside", "//file", 200, "repeated slashes count as one"),
    ("missing", "/nodirslash", 404, "§15.5.5"),
    ("listing", "/dir/", 200, "a folder without an index is listed"),
    ("index", "/idx/", 200, "index.html stands for its folder"),
    ("escaped-letter", "/f%69le", 200, "RFC 3986 §6.2.2.2"),
    ("query-of-a-file", "/file?x=/../y", 200, "a query is no path"),
    ("fragment", "/file#frag", 400, "RFC 9112 §3.2: no part of a target"),
    ("other-case", "/FILE", 404, "names are case-sensitive"),
    ("trailing-dot", "/file.", 404, "names are not trimmed"),
    ("trailing-space", "/file%20", 404, "names are not trimmed"),
    ("trailing-slash", "/file/", 404, "a file is no folder"),
    ("file-as-folder", "/file/x", 404, "a file is no folder"),
    ("percent-alone", "/foo/bar%", 400, "RFC 3986 §2.1"),
    ("percent-one-digit", "/foo/bar%1", 400, "RFC 3986 §2.1"),
    ("percent-no-digits", "/%zz", 400, "RFC 3986 §2.1"),
    ("escaped-nul", "/file%00.txt", 400, "no name has a NUL"),
    ("utf8", "/%C3%BCn%C3%AF.txt", 200, "names are bytes"),
    ("backslash", "/back%5Cslash.txt", 200, "a byte of the name, no separator"),
    ("space", "/sp%20ace.txt", 200, "names are bytes"),
    ("line-feed", "/new%0Aline.txt", 200, "names are bytes"),
    ("reserved", "/q%3Fm%23.txt", 200, "RFC 3986 §2.2: escaped, they are data"),
    ("percent-in-name", "/pct%2541.txt", 200, "decoded exactly once"),
    ("dotfile", "/.hidden", 404, "hidden unless asked for"),
    ("well-known", "/.well-known/x", 200, "RFC 8615: the one folder that is meant to be found"),
    ("link-inside", "/link_in", 200, "a link beneath the root"),
    ("link-outside", "/link_out", 404, "RESOLVE_BENEATH"),
    ("link-outside-folder", "/dirlink_out/passwd", 404, "RESOLVE_BENEATH"),
    ("fifo", "/fifo", 404, "nothing but regular files; and nobody waits for a writer"),
    ("no-slash", "file", 400, "RFC 9112 §3.2.1"),
    ("asterisk", "*", 400, "RFC 9112 §3.2.4: for OPTIONS alone"),
    ("absolute-form", "http://localhost/file", 200, "RFC 9112 §3.2.2: must be understood"),
    ("raw-space", "/sp ace.txt", 400, "RFC 9112 §3.2"),
    ("raw-nul", "/file\x00", 400, "RFC 9112 §3.2"),
    ("raw-control", "/\x02", 400, "RFC 9112 §3.2"),
    ("raw-8-bit", "/\xfcn\xef.txt", 400, "RFC 9112 §3.2: has to be escaped"),
    ("8-kib", "/file?" + "a" * 8000, 200, "RFC 9112 §3: 8000 bytes should be taken"),
    ("9-kib", "/file?" + "a" * 9000, 414, "§15.5.15"),
    ("4-kib-of-folders", "/a" * 2040, 404, "as long as a path may be"),
]

REDIRECTS = [
    ("folder", "/dir", "/dir/", "a listing's links are relative to its folder"),
    ("folder-with-query", "/dir?a=b", "/dir/?a=b", "the query stays"),
    ("two-slashes-before-folder", "//dir", "/dir/", "never //host (CVE-2021-28861)"),
    ("host-before-folder", "//evil.example/%2e%2e/dir", "/dir/", "RFC 9110 §17.2"),
    ("backslash-before-folder", "/%5Cevil.example/%2e%2e/dir", "/dir/", "nor /\\host"),
]

TARGET_CASES = [
    Case(name, get(target), (status,), why) for name, target, status, why in TARGETS
] + [
    Case("redirect-" + name, get(target), (301,), why, {"Location": location})
    for name, target, location, why in REDIRECTS]
