"""Taking multipart/byteranges answers apart (RFC 9110 §14.6, RFC 2046 §5.1.1)."""

import re
from dataclasses import dataclass


@dataclass
class Part:
    type: str
    first: int
    last: int
    size: int  # Of the whole file.
    body: bytes

    @property
    def range(self):
        return f"{self.first}-{self.last}"


def parse_part(text):
    head, body = text.split(b"\r\n\r\n", 1)
    fields = dict(line.split(": ", 1) for line in head.decode("latin-1").split("\r\n")[1:])
    fields = {name.lower(): value for name, value in fields.items()}
    numbers = re.fullmatch(r"bytes (\d+)-(\d+)/(\d+)", fields["content-range"]).groups()
    part = Part(fields.get("content-type"), *map(int, numbers), body)
    if len(body) != part.last - part.first + 1:
        raise ValueError(f"{len(body)} bytes of {part.range}")
    return part


def parse_parts(answer):
    """The parts of a 206, in their order."""
    form = r'multipart/byteranges; ?boundary="?([^"]+)"?'
    boundary = re.fullmatch(form, answer["Content-Type"]).group(1).encode()
    # The delimiter of the first part may stand at the very beginning.
    before, *parts, after = (b"\r\n" + answer.body).split(b"\r\n--" + boundary)
    if before.strip() or after.strip() != b"--":
        raise ValueError(f"{before[:40]!r} before the parts, {after[:40]!r} after them")
    return [parse_part(part) for part in parts]
