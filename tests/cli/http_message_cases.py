"""More cases like those of http_cases.py: request lines, hosts, fields, framing, persistence.
Whoever is in doubt about where a message ends answers 400 and closes: what two programs read
differently is how requests are smuggled past one of them (RFC 9112 §11.2)."""

from http_cases import FILE, WAITS, Case, get
from raw_http import request

# --- methods: name, method, status, why

ALLOW = {"Allow": "GET, HEAD, OPTIONS"}

METHODS = [
    ("put", "PUT", 405, "§15.5.6: known, not allowed here"),
    ("delete", "DELETE", 405, "§15.5.6"),
    ("post", "POST", 405, "§15.5.6"),
    ("patch", "PATCH", 405, "§15.5.6"),
    ("trace", "TRACE", 405, "§15.5.6"),
    ("unknown", "BREW", 501, "§15.6.2: a token that nobody registered"),
    ("prefix-of-known", "GETX", 501, "a longer word is another word"),
    ("lower-case", "get", 501, "§9.1: methods are case-sensitive"),
    ("no-token", "G@T", 400, "§9.1: @ is no token character"),
]

METHOD_CASES = [
    Case("method-" + name, get("/file", "Content-Length: 0", method=method), (status,), why,
         ALLOW if status == 405 else {})
    for name, method, status, why in METHODS
] + [
    Case("method-head", get("/file", method="HEAD"), (200,), "§9.3.2: as GET, without the body",
         {"Content-Length": "11"}, b""),
    Case("method-options", get("/file", method="OPTIONS"), (204,), "§9.3.7", ALLOW, b""),
    Case("method-options-asterisk", get("*", method="OPTIONS"), (204,), "§9.3.7", ALLOW, b""),
    Case("method-connect", get("localhost:80", method="CONNECT"), (405,), "§9.3.6: no proxy"),
]

# --- request lines: name, the line without its end, statuses, why

VERSION = "RFC 9112 §2.3: \"HTTP/\" DIGIT \".\" DIGIT"

LINES = [
    ("two-spaces", "GET  /file HTTP/1.1", 400, "RFC 9112 §3: one space"),
    ("two-spaces-before-version", "GET /file  HTTP/1.1", 400, "RFC 9112 §3: one space"),
    ("space-at-end", "GET /file HTTP/1.1 ", 400, "RFC 9112 §3"),
    ("space-in-front", " GET /file HTTP/1.1", 400, "RFC 9112 §3"),
    ("http-2", "GET /file HTTP/2.0", 505, "§15.6.6"),
    ("http-0.9-spelt-out", "GET /file HTTP/0.9", 505, "§15.6.6"),
    ("version-without-minor", "GET /file HTTP/1", 400, VERSION),
    ("version-1.01", "GET /file HTTP/1.01", 400, VERSION),
    ("version-1.10", "GET /file HTTP/1.10", 400, VERSION),
    ("version-with-space", "GET /file HTTP/ 1.1", 400, VERSION),
    ("version-with-cr", "GET /file HTTP/\r1.1", 400, VERSION),
    ("version-twice", "GET /file HTTP/1.1 HTTP/1.1", 400, VERSION),
    ("version-lower-case", "GET /file http/1.1", 400, VERSION),
]

LINE_CASES = [
    Case("line-" + name, f"{line}\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
         (status,), why)
    for name, line, status, why in LINES
] + [
    Case("line-empty-before", b"\r\n" + get("/file"), (200,),
         "RFC 9112 §2.2: at least one empty line is to be ignored"),
    Case("line-http-0.9", b"GET /file\r\n", (400,), "HTTP/0.9 is gone (RFC 9112 §2.3)"),
    Case("line-http-1.0", b"GET /file HTTP/1.0\r\n\r\n", (200,), "knew no Host and closes",
         {"Connection": "close"}, FILE),
    Case("line-garbage", b"\x00\x01\x02\x03\xff\xfe\xfd\r\n\r\n", (400,), "RFC 9112 §3"),
    Case("line-bare-lf", get("/file").replace(b"\r\n", b"\n"), (400,),
         "RFC 9112 §2.2 lets it be taken for an end; strictness is safer"),
]

# --- hosts: name, the field lines, status, why

HOSTS = [
    ("none", [], 400, "RFC 9112 §3.2: must be 400"),
    ("two", ["Host: a", "Host: b"], 400, "RFC 9112 §3.2: must be 400"),
    ("twice-the-same", ["Host: a", "Host: a"], 400, "RFC 9112 §3.2: must be 400"),
    ("with-space", ["Host: bad host"], 400, "RFC 9112 §3.2: an invalid value must be 400"),
    ("with-user", ["Host: u@localhost"], 400, "RFC 9112 §3.2: uri-host [ : port ], no user"),
    ("with-markup", ["Host: <script>"], 400, "RFC 9112 §3.2"),
    ("dot", ["Host: ."], 200, "a valid reg-name"),
    ("empty", ["Host: "], 200, "§7.2: may be empty"),
    ("port-without-digits", ["Host: localhost:"], 200, "RFC 3986 §3.2.3: port = *DIGIT"),
    ("ipv6", ["Host: [::1]"], 200, "RFC 3986 §3.2.2"),
    ("ipv6-with-port", ["Host: [::1]:80"], 200, "RFC 3986 §3.2.2"),
]

HOST_CASES = [
    Case("host-" + name, get("/file", *lines, host=None), (status,), why)
    for name, lines, status, why in HOSTS
]

# --- fields: name, field line, status, why

FIELDS = [
    ("space-before-colon", "Content-Length : 34", 400, "RFC 9112 §5.1: must be 400"),
    ("space-in-name", "X A: b", 400, "§5.1: a name is a token"),
    ("bracket-in-name", "X-Invalid[]: t", 400, "§5.1: a name is a token"),
    ("no-name", ": b", 400, "§5.1: a name is a token"),
    ("no-colon", "X-A", 400, "RFC 9112 §5"),
    ("nul", "X-A: v\x00alue", 400, "§5.5: must be refused or replaced"),
    ("cr", "X-A: 1\rX-B: 2", 400, "RFC 9112 §2.2: a bare CR ends nothing"),
    ("del", "X-A: t\x7f", 400, "§5.5: no control characters"),
    ("folded", "X-A: 1\r\n 2", 400, "RFC 9112 §5.2: no line folding"),
    ("8-bit", "X-A: caf\xe9", 200, "§5.5: obs-text is allowed"),
    ("no-blank", "X-A:b", 200, "RFC 9112 §5: white space is optional"),
    ("70-kb", "X-Big: " + "x" * 70000, 431, "RFC 6585 §5"),
    ("150-of-them", "\r\n".join(f"X-{i}: 1" for i in range(150)), 431, "RFC 6585 §5"),
    ("expect-continue-without-body", "Expect: 100-continue", 200, "§10.1.1: nothing to wait for"),
    ("expect-other", "Expect: the-unexpected", 417, "§10.1.1: what it cannot meet"),
    ("upgrade", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__", 200,
     "§7.8: an upgrade not taken up is ignored"),
]

FIELD_CASES = [
    Case("field-" + name, get("/file", line), (status,), why) for name, line, status, why in FIELDS
] + [
    Case("field-space-before-first", b"GET /file HTTP/1.1\r\n Host: localhost\r\n"
         b"Connection: close\r\n\r\n", (400,), "RFC 9112 §2.2: refused, for no Host is left"),
]

# --- framing: name, the fields and body of a GET, statuses of it and of a plain GET behind it, why

LENGTH = "RFC 9112 §6.3: an invalid Content-Length must be 400, and nothing after it counts"
CODING = "RFC 9112 §6.1, §7: one final chunked, nothing else"
CHUNK = "RFC 9112 §7.1: what is no chunk cannot be passed over"
CHUNKED = "Transfer-Encoding: chunked"
HELLO = "5\r\nhello\r\n0\r\n\r\n"

FRAMINGS = [
    ("length-5", "Content-Length: 5", "hello", (200, 200), "§9.3.1: a body of GET is passed over"),
    ("length-with-zeros", "Content-Length: 005", "hello", (200, 200), "§8.6: 1*DIGIT"),
    ("length-list", "Content-Length: 5, 6", "hello", (400,), LENGTH),
    ("length-same-list", "Content-Length: 5, 5", "hello", (400,), "may be taken for 5; is not"),
    ("length-twice", "Content-Length: 5\r\nContent-Length: 6", "hello", (400,), LENGTH),
    ("length-negative", "Content-Length: -1", "hello", (400,), LENGTH),
    ("length-plus", "Content-Length: +5", "hello", (400,), LENGTH),
    ("length-hex", "Content-Length: 0x5", "hello", (400,), LENGTH),
    ("length-two-numbers", "Content-Length: 5 5", "hello", (400,), LENGTH),
    ("length-beyond-64-bits", "Content-Length: 99999999999999999999", "hello", (400,), LENGTH),
    ("length-beyond-63-bits", "Content-Length: 9223372036854775808", "hello", (400,), LENGTH),
    ("length-parameter", "Content-Length: 5;q=1", "hello", (400,), LENGTH),
    ("length-quoted", 'Content-Length: "5"', "hello", (400,), LENGTH),
    ("length-empty", "Content-Length: ", "", (400,), LENGTH),
    ("length-and-chunked", f"Content-Length: 5\r\n{CHUNKED}", HELLO, (400,), "RFC 9112 §6.1"),
    ("chunked", CHUNKED, HELLO, (200, 200), "RFC 9112 §7.1: passed over"),
    ("chunked-extension", CHUNKED, "5;a=b\r\nhello\r\n0\r\n\r\n", (200, 200), "RFC 9112 §7.1.1"),
    ("chunked-capitals", "Transfer-Encoding: Chunked", HELLO, (200, 200), "RFC 9112 §7"),
    ("chunked-then-identity", "Transfer-Encoding: chunked, identity", HELLO, (400,), CODING),
    ("chunked-twice", "Transfer-Encoding: chunked, chunked", HELLO, (400,), CODING),
    ("coding-unknown", "Transfer-Encoding: xchunked", HELLO, (501,), "RFC 9112 §6.1"),
    ("coding-with-vt", "Transfer-Encoding: \x0bchunked", HELLO, (400,), "§5.5: no control"),
    ("coding-empty", "Transfer-Encoding: ", HELLO, (400,), CODING),
    ("coding-name-split", "Transfer-\r\nEncoding: chunked\r\nContent-Length: 5", "0\r\n\r\n",
     (400,), "RFC 9112 §5: a name ends with its line"),
    ("coding-space-before-colon", "Transfer-Encoding : chunked", "0\r\n\r\n", (400,),
     "RFC 9112 §5.1: must be 400"),
    ("chunk-size-plus", CHUNKED, "+5\r\nhello\r\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-size-hex-prefix", CHUNKED, "0x5\r\nhello\r\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-size-too-long", CHUNKED, "00000000000000005\r\nhello\r\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-bare-lf", CHUNKED, "5\r\nhello\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-size-bare-lf", CHUNKED, "5\nhello\r\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-without-end", CHUNKED, "5\r\nhello0\r\n\r\n", (400,), CHUNK),
    ("chunk-longer-than-said", CHUNKED, "4\r\nSEE-THIS\r\n0\r\n\r\n", (400,), CHUNK),
    ("chunk-extension-without-semicolon", CHUNKED, "5 erf\r\nhello\r\n0\r\n\r\n", (400,), CHUNK),
    ("trailer-with-length", CHUNKED, "0\r\nContent-Length: 50\r\n\r\n", (200, 200),
     "§6.5.1: framing in a trailer means nothing"),
]


def framing_case(name, fields, body, statuses, why):
    first = request("/file", fields, body=body.encode())
    return Case("frame-" + name, first + get("/file"), statuses, why)


FRAMING_CASES = [framing_case(*row) for row in FRAMINGS] + [
    Case("frame-chunked-in-1.0", request("/file", CHUNKED, version="HTTP/1.0") + HELLO.encode()
         + get("/file"), (400,), "RFC 9112 §6.1: HTTP/1.0 knew no transfer codings"),
    Case("frame-body-like-a-request", request(
        "/file", "Content-Length: 43", method="POST",
        body=b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n") + get("/file"), (405, 200),
        "RFC 9112 §11.2: a body is no request"),
]

# --- persistence: name, requests one behind the other, statuses, why

PERSISTENCE = [
    ("after-304", [request("/file", "If-None-Match: {etag}"), get("/file")], (304, 200),
     "§15.4.5: no body"),
    ("after-404", [request("/nope"), get("/file")], (404, 200), "an error about a file, no more"),
    ("after-416", [request("/file", "Range: bytes=99-"), get("/file")], (416, 200), "as above"),
    ("after-head", [request("/file", method="HEAD"), get("/file")], (200, 200), "§9.3.2"),
    ("close", [get("/file"), request("/file")], (200,), "RFC 9112 §9.6: nothing after a close"),
    ("close-in-a-list", [request("/file", "Connection: ,close"), request("/file")], (200,),
     "§5.6.1.2: empty elements are ignored"),
    ("close-before-others", [request("/file", "Connection: close,,TE"), request("/file")], (200,),
     "RFC 9112 §9.6"),
    ("1.0-keep-alive", [request("/file", "Connection: keep-alive", version="HTTP/1.0"),
                        get("/file")], (200, 200), "RFC 9112 §9.3: when it asks"),
    ("1.0", [request("/file", version="HTTP/1.0"), get("/file")], (200,), "RFC 9112 §9.3"),
    ("after-bad-escape", [request("/%zz"), get("/file")], (400, 200),
     "a bad path leaves no doubt about where the request ends"),
    ("after-bad-field", [request("/file", "X A: b"), get("/file")], (400,),
     "RFC 9112 §2.2: what cannot be read ends a connection"),
]

PERSISTENCE_CASES = [
    Case("keep-" + name, b"".join(requests), statuses, why)
    for name, requests, statuses, why in PERSISTENCE
]

# --- half a request: name, what has arrived, why

HALVES = [
    ("target", b"GET /hello", "no word of it is over"),
    ("line-but-lf", b"GET /hello HTTP/1.1\r\nHost: localhost\r", "a line ends with CRLF"),
    ("fields", b"GET /hello HTTP/1.1\r\nHost: localhost\r\n", "fields end with an empty line"),
    ("all-but-lf", b"GET /hello HTTP/1.1\r\nHost: localhost\r\n\r", "fields end with CRLF CRLF"),
    ("body", b"GET /file HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhell",
     "the next request begins behind the body"),
]

HALF_CASES = [Case("half-" + name, raw, WAITS, why) for name, raw, why in HALVES]
