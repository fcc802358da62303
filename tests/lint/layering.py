#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Includes go downward only: app -> fuse -> fs -> meta, data -> store -> http -> base; app ->
credentials -> store; local -> base and the wire formats that it shares with store. A private header ("x.h") is seen by its own folder
alone. Also checked: heavy libraries stay in the layer that owns them, and no file outgrows 600 lines.

usage: layering.py SOURCE_ROOT
"""
import pathlib
import re
import sys

# What a layer may include besides itself.
BELOW = {
    "base": set(),
    "http": {"base"},
    "store": {"http", "base"},
    "credentials": {"store", "http", "base"},
    "local": {"base"},
    "meta": {"store", "http", "base"},
    "data": {"store", "http", "base"},
    "fs": {"meta", "data", "store", "base"},
    "fuse": {"fs", "base"},
    "app": {"fuse", "fs", "meta", "data", "credentials", "store", "http", "local", "base"},
}
# Single headers beyond that: local speaks the wire formats whose other end is store (signing.h, and
# the Headers type in which it takes a request); fs hands bodies to ObjectStore, whose type for them
# is http's BodySource.
EXTRA = {
    "fs": {"xbucket/http/message.h"},
    "local": {"xbucket/store/signing.h", "xbucket/http/message.h"},
}
# A library's headers belong to one layer.
OWNERS = {
    r"fuse3?/|fuse_lowlevel": {"fuse"},
    r"curl/": {"http"},
    r"pugixml": {"store", "local"},
    r"sqlite3": {"base"},
    r"microhttpd": {"local", "app"},
    r"nlohmann/": {"app", "credentials"},
    r"spdlog/": {"base"},
    r"CLI/": {"app"},
    r"openssl/": {"base", "local"},
    r"isa-l/": {"base"},
}
LINES_MAX = 600

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def layer_of(path, root):
    parts = path.relative_to(root).parts
    if parts[0] == "src":
        return parts[1] if len(parts) > 2 else None
    if parts[:2] == ("include", "xbucket"):
        return parts[2] if len(parts) > 3 else None
    return None


def problems_of(path, root):
    layer = layer_of(path, root)
    if layer not in BELOW:
        yield 1, f"is in no known layer ({layer})"
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    if len(lines) > LINES_MAX:
        yield LINES_MAX, f"{len(lines)} lines; a noun wants a file of its own"
    if not lines or "SPDX-FileCopyrightText" not in lines[0]:
        yield 1, "first line must be the SPDX-FileCopyrightText line"
    for number, line in enumerate(lines, 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        kind, name = match.groups()
        for pattern, owners in OWNERS.items():
            if kind == "<" and re.match(pattern, name) and layer not in owners:
                yield number, f"<{name}> belongs to {', '.join(sorted(owners))}"
        if kind == "<":
            continue
        if name.startswith("xbucket/"):
            target = name.split("/")[1]
            allowed = target == layer or target in BELOW[layer] or name in EXTRA.get(layer, ())
            if not allowed:
                yield number, f'{layer} must not include "{name}"'
            if not (root / "include" / name).exists():
                yield number, f'"{name}" does not exist in include/'
        elif not (path.parent / name).exists():
            yield number, f'"{name}" is not a private header of this folder'


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    files = sorted(p for top in ("src", "include") for p in (root / top).rglob("*")
                   if p.suffix in (".h", ".cpp"))
    if not files:
        print(f"no sources below {root}")
        return 1
    found = 0
    for path in files:
        for line, text in problems_of(path, root):
            print(f"{path.relative_to(root)}:{line}: {text}")
            found += 1
    print(f"{len(files)} files, {found} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
