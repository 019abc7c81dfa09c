#!/usr/bin/env python3
"""Turns text files into C++ string constants, each with its SHA-256.

usage: embed.py HEADER NAMESPACE OUTPUT FILE...

A file listing.css becomes `listing_css` and `listing_css_sha256` (base64, as a
Content-Security-Policy wants it), which HEADER declares in NAMESPACE. In a style sheet,
`url(icons/pdf.svg)`, relative to it, is replaced by that file as a data: URL.
"""
import base64
import hashlib
import pathlib
import re
import sys
import urllib.parse

DELIMITER = "embedded"
# ISO C++ promises 65,536 bytes of string literal.
LIMIT = 65_536


def data_url(path: pathlib.Path) -> str:
    svg = re.sub(r"\s+", " ", path.read_text(encoding="utf-8")).replace("> <", "><").strip()
    return "data:image/svg+xml," + urllib.parse.quote(svg.replace('"', "'"), safe=" ='/:")


def load(path: pathlib.Path) -> str:
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".css":
        return text
    return re.sub(
        r"url\(([\w./-]+\.svg)\)", lambda m: f'url("{data_url(path.parent / m[1])}")', text
    )


def constants(path: pathlib.Path) -> str:
    text = load(path)
    name = re.sub(r"\W", "_", path.name)
    if len(text.encode()) >= LIMIT or f'){DELIMITER}"' in text:
        raise SystemExit(f"embed.py: {path}: cannot stand in a raw string")
    for harmful in ("</style", "</script", "\r"):
        if harmful in text.lower():
            raise SystemExit(f"embed.py: {path}: {harmful!r} would change a page around it")
    digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
    return (
        f'constinit const std::string_view {name} = R"{DELIMITER}({text}){DELIMITER}";\n'
        f'constinit const std::string_view {name}_sha256 = "{digest}";\n'
    )


def main() -> None:
    header, namespace, output, *files = sys.argv[1:]
    body = "".join(constants(pathlib.Path(file)) for file in files)
    text = f'#include "{header}"\n\nnamespace {namespace} {{\n\n{body}\n}}\n'
    pathlib.Path(output).write_text(text, encoding="utf-8")


main()
