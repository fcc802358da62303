#!/usr/bin/env python3
# SPDX-FileCopyrightText: the xbucket authors
"""Every numbered rule of man/xbucket-attributes.7 and man/xbucket-semantics.7 names the tests that hold it, in comments behind
it (.\\" test: Suite.name, or test_name of a Python test); each of those tests exists, and is built
where it must be: its file stands in its folder's meson.build.

usage: rules_tested.py SOURCE_ROOT
"""
import pathlib
import re
import sys

RULE = re.compile(r"^\.It Sy (?:\\&)?([A-Z]\d+)$")
NAMED = re.compile(r'^\.\\" test: (\S+)$')
CPP_TEST = re.compile(r"\bTEST(?:_F|_P)?\(\s*(\w+),\s*(\w+)\s*\)")
PYTHON_TEST = re.compile(r"^\s*def (test_\w+)\(", re.MULTILINE)


def existing_tests(root):
    found = set()
    for path in (root / "tests").rglob("*"):
        if path.suffix == ".cpp":
            built = path.with_name("meson.build")
            if not built.exists() or f"'{path.name}'" not in built.read_text(encoding="utf-8"):
                continue
            found.update(".".join(m) for m in CPP_TEST.findall(path.read_text(encoding="utf-8")))
        elif path.suffix == ".py":
            found.update(PYTHON_TEST.findall(path.read_text(encoding="utf-8")))
    return found


def rules_of(text):
    """[(line, rule, [(line, test)])] in the page's order."""
    rules = []
    for number, line in enumerate(text.splitlines(), 1):
        if match := RULE.match(line):
            rules.append((number, match.group(1), []))
        elif match := NAMED.match(line):
            if rules:
                rules[-1][2].append((number, match.group(1)))
    return rules


def problems_of(text, tests):
    seen = set()
    for line, rule, named in rules_of(text):
        if rule in seen:
            yield line, f"rule {rule} stands twice"
        seen.add(rule)
        if not named:
            yield line, f"rule {rule} names no test"
        for test_line, test in named:
            if test not in tests:
                yield test_line, f"rule {rule}: there is no test {test}"


def main():
    root = pathlib.Path(sys.argv[1]).resolve()
    tests = existing_tests(root)
    total = failed = 0
    for name in ("xbucket-attributes.7", "xbucket-semantics.7"):
        page = root / "man" / name
        text = page.read_text(encoding="utf-8")
        rules = len(rules_of(text))
        found = 0
        for line, problem in problems_of(text, tests):
            print(f"{page.relative_to(root)}:{line}: {problem}")
            found += 1
        print(f"{page.relative_to(root)}: {rules} rules, {found} problems")
        total += found
        failed += not rules
    return 1 if total or failed else 0


if __name__ == "__main__":
    sys.exit(main())
