#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""README.md speaks of things that exist: messages that the program can print, options and
attributes that the manual has, files of this tree. So do the sources when they name a page of the
manual. CHANGELOG.md begins with this version.

usage: readme_true.py SOURCE_ROOT VERSION
"""
import pathlib
import re
import sys

# Long options of other programs that README shows.
FOREIGN_OPTIONS = {
    "--only-values",  # getfattr
    "--xattrs",  # tar
    "--device", "--cap-add",  # docker, podman
    "--suite", "--setup",  # meson test
    "--check",  # scripts/demo
    "--list",  # scripts/bench
    "--reconfigure",  # meson setup
    "--help", "--metadata",  # xbucket COMMAND --help; rclone
}
PATH = re.compile(r"(?<![\w./~:$-])((?:scripts|tests|src|include|man)/[\w./-]+[\w])")
OPTION = re.compile(r"(?<![\w-])--[a-z][-a-z]*")
ATTRIBUTE = re.compile(r"\buser\.(?:http|object|xbucket)\.[a-z-]+[a-z]|\buser\.mime_type")
MOUNT_OPTION = re.compile(r"`-o ([a-z_]+)")


def messages_of_troubleshooting(readme):
    """Code spans in the first column that are sentences, not symptoms of a shell."""
    section = readme.split("## When something goes wrong", 1)[1].split("\n## ", 1)[0]
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.split(" | ")]
        if line.startswith("| `"):
            yield from re.findall(r"`([^`]+)`", cells[0])
        yield from re.findall(r'"([^"]+)" \(log\)', cells[0])


def literals(root):
    """All string literals of the sources; neighbours joined as the compiler joins them."""
    text = "\n".join(path.read_text(encoding="utf-8")
                     for path in sorted((root / "src").rglob("*.cpp")))
    return re.sub(r'(?<!\\)"\s*\n\s*"', "", text)


def problems_of(root, version):
    readme = (root / "README.md").read_text(encoding="utf-8")
    page_1 = (root / "man" / "xbucket.1").read_text(encoding="utf-8")
    page_7 = (root / "man" / "xbucket-attributes.7").read_text(encoding="utf-8")
    sources = literals(root)

    messages = list(messages_of_troubleshooting(readme))
    if len(messages) < 5:
        yield "the table of messages was not found"
    for message in messages:
        if message not in sources:
            yield f"no source says: {message}"
    pages = page_1 + (root / "man" / "xbucket-commands.1").read_text(encoding="utf-8")
    known = {f"--{name}" for name in re.findall(r"^\.It Fl (?:\w , )?-([-a-z]+)", pages, re.M)}
    for option in sorted(set(OPTION.findall(readme)) - FOREIGN_OPTIONS - known):
        yield f"{option} is not in man/xbucket.1"
    for option in sorted(set(MOUNT_OPTION.findall(readme))):
        if f"--{option.replace('_', '-')}" not in known:
            yield f"-o {option} is not in man/xbucket.1"
    for name in sorted(set(ATTRIBUTE.findall(readme))):
        plain = name.rsplit(".", 1)[1]
        if name not in page_7 and not (name.startswith("user.object.") and plain in page_7):
            yield f"{name} is not in man/xbucket-attributes.7"
    for path in sorted(set(PATH.findall(readme))):
        if not re.search(r"[A-Z]{3}", path) and not (root / path).exists():
            yield f"{path} does not exist"
    for name, chapter in sorted(set(re.findall(r"\b(xbucket[-a-z]*)\((\d)\)", sources + readme))):
        if not (root / "man" / f"{name}.{chapter}").exists():
            yield f"{name}({chapter}) is spoken of and does not exist"
    changes = (root / "CHANGELOG.md").read_text(encoding="utf-8")
    first = re.search(r"^## (\S+)", changes, re.M)
    if not first or first.group(1) != version:
        yield f"CHANGELOG.md does not begin with version {version}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    problems = list(problems_of(root, sys.argv[2]))
    for problem in problems:
        print(problem)
    print(f"{len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
