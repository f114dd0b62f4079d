#!/usr/bin/env python3
"""Prints, for each crate, what the house style is about: sizes, comments and habits, without tests.

Lines are those of `src/`, without what is for tests only. Functions count from `fn` to the closing brace. "doc" is lines of
documentation by lines of code, "//" lines of other comments by lines of code. "closures" are `let f = |..|`, "re-bound" is a `let`
of the name that the `let` before it has bound as well, each per 1,000 lines. "leaning" are comments of documentation that begin with "The
same" or "As [". Percentiles are by rank.

    python3 tools/measure.py [FOLDER of the workspace]
"""

import re
import sys
from pathlib import Path

TEST = re.compile(r"#\[cfg\((?:test|all\(test\b)")
FUNCTION = re.compile(r"^\s*(?:pub(?:\([^)]*\))?\s+)?(?:default\s+|const\s+|async\s+|unsafe\s+|extern\s+\"[^\"]*\"\s+)*fn\s+\w+")
LET = re.compile(r"^\s*let\s+(?:mut\s+)?(\w+)\b")
CLOSURE = re.compile(r"^\s*let\s+(?:mut\s+)?\w+\s*(?::[^=]+)?=\s*(?:async\s+)?(?:move\s+)?\|")
LEANING = re.compile(r"^\s*///\s*(The same\b|As \[)")


def depth_change(line):
    """How many more braces a line opens than it closes; those in texts, characters and comments do not count."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"', '""', line)
    bare = re.sub(r"'(?:\\.|[^'\\])'", "' '", bare).split("//")[0]
    return bare.count("{") - bare.count("}")


def item_end(lines, at):
    """The line behind the item that begins at `at`, attributes included."""
    depth = 0
    for index in range(at, len(lines)):
        text = lines[index].strip()
        change = depth_change(text)
        opened = "{" in text
        depth += change
        if depth <= 0 and not text.startswith("#[") and (text.endswith((";", ",")) or opened or text.endswith("}")):
            return index + 1
    return len(lines)


def without_tests(file):
    """The lines of a file that are not for tests only, and the modules that are."""
    lines = file.read_text().splitlines()
    kept, modules, at = [], [], 0
    while at < len(lines):
        if lines[at].strip().startswith("#![cfg(test)]"):
            return [], modules
        if TEST.match(lines[at].strip()):
            end = item_end(lines, at)
            modules += re.findall(r"^\s*(?:pub(?:\([^)]*\))?\s+)?mod\s+(\w+)\s*;", "\n".join(lines[at:end]), re.M)
            at = end
        else:
            kept.append(lines[at])
            at += 1
    return kept, modules


def sources(folder):
    """Name and lines of each file of a crate that is not for tests only."""
    files = sorted(folder.rglob("*.rs"))
    read = {file: without_tests(file) for file in files}
    skipped = set()
    for file, (_, modules) in read.items():
        beside = file.parent if file.name in ("lib.rs", "main.rs", "mod.rs") else file.with_suffix("")
        for module in modules:
            skipped.add(beside / f"{module}.rs")
            skipped.update((beside / module).rglob("*.rs"))
    return {file: lines for file, (lines, _) in read.items() if file not in skipped}


def functions(lines):
    """The length of each function with a body."""
    found = []
    for at, line in enumerate(lines):
        if not FUNCTION.match(line):
            continue
        depth, opened = 0, False
        for index in range(at, len(lines)):
            depth += depth_change(lines[index])
            opened |= "{" in lines[index]
            if opened and depth <= 0:
                found.append(index - at + 1)
                break
            if not opened and lines[index].rstrip().endswith(";"):
                break
    return found


def rank(figures, percent):
    figures = sorted(figures)
    return figures[min(len(figures) - 1, len(figures) * percent // 100)] if figures else 0


class Crate:
    """What is counted in one crate, or in all of them."""

    def __init__(self):
        self.lines = self.code = self.doc = self.notes = self.closures = self.rebound = self.leaning = 0
        self.functions, self.modules = [], []

    def read(self, lines):
        self.lines += len(lines)
        self.modules.append(len(lines))
        self.functions += functions(lines)
        last = None
        for at, line in enumerate(lines):
            text = line.strip()
            if text.startswith(("///", "//!")):
                self.doc += 1
                first = at == 0 or not lines[at - 1].strip().startswith("///")
                self.leaning += bool(first and LEANING.match(line))
            elif text.startswith("//"):
                self.notes += 1
            elif text:
                self.code += 1
            if FUNCTION.match(line):
                last = None
            below = lines[at + 1] if at + 1 < len(lines) else ""
            self.closures += bool(CLOSURE.match(line if not line.endswith("=") else f"{line} {below.strip()}"))
            bound = LET.match(line)
            if bound and bound[1] != "_":
                self.rebound += bound[1] == last
                last = bound[1]

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)

    def row(self, name):
        code, kilo = max(self.code, 1), max(self.lines, 1) / 1000
        of_functions = "/".join(str(rank(self.functions, percent)) for percent in (50, 90, 99, 100))
        of_modules = "/".join(str(rank(self.modules, percent)) for percent in (50, 90, 100))
        return (
            f"{name:18} {self.lines:6} {of_functions:>14} {of_modules:>13} {self.doc / code:6.2f} {self.notes / code:6.3f}"
            f" {self.closures / kilo:9.1f} {self.rebound / kilo:9.1f} {self.leaning:8}"
        )


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent.parent)
    print(f"{'crate':18} {'lines':>6} {'fn 50/90/99/max':>14} {'mod 50/90/max':>13} {'doc':>5} {'//':>6} {'closures':>9} {'re-bound':>9} {'leaning':>8}")
    total = Crate()
    manifests = [path for top in ("crates", "xtask", "tools") for path in (root / top).rglob("Cargo.toml")]
    for manifest in sorted(manifests):
        if "target" in manifest.relative_to(root).parts:
            continue
        name = re.search(r'^name = "(?:gumnut-)?(.+)"', manifest.read_text(), re.M)[1]
        crate = Crate()
        for lines in sources(manifest.parent / "src").values():
            crate.read(lines)
        print(crate.row(name))
        total.add(crate)
    print(total.row("all"))


if __name__ == "__main__":
    main()
