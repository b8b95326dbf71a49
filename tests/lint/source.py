# SPDX-License-Identifier: Apache-2.0
"""What the rules look at: the project's text files, and a rough reading of C++.

The reading is lexical. It blanks comments and literals, follows braces, and calls a block a function
body when what stands before the brace looks like a signature. That is enough to measure lengths and
to find forbidden words outside comments; it is no parser.
"""
import ast
import os
import re
import subprocess

SKIPPED = ("build/", "data/", "node_modules/", ".git/", ".cache/")
BINARY_SUFFIXES = (".rdb", ".png", ".gz", ".bin", ".pyc", ".ico")
CPP_SUFFIXES = (".h", ".cc")

_TOKENS = re.compile(
    r'R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"'  # A raw string.
    r"|//[^\n]*|/\*.*?\*/"
    r'|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Za-z_])'(?:\\.|[^'\\\n])+'",  # A character, not a digit separator.
    re.S,
)
_CONTROL = re.compile(r"\b(if|for|while|switch|catch|do|else|try|return)\b")
_TYPE = re.compile(r"\b(namespace|class|struct|union|enum|extern)\b")
_TEST = re.compile(r"\b(?:TEST|TEST_F|TEST_P|TYPED_TEST)\s*\(\s*(\w+)\s*,\s*(\w+)\s*\)")
_NAME = re.compile(r"([\w:~]+|operator\s*\S+?)\s*\(")


def blank(text):
    """Replaces comments and the insides of literals by spaces; lines and columns stay."""
    def spaces(match):
        token = match[0]
        kept = '"' if token[0] in '"R' else " "
        blanked = re.sub(r"[^\n]", " ", token)
        return kept + blanked[1:-1] + kept if kept == '"' else blanked
    return _TOKENS.sub(spaces, text)


class SourceFile:
    """One text file: its path from the root, its text, and (lazily) what is known of its code."""

    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.lines = text.split("\n")
        self._code = None

    @property
    def folder(self):
        return self.path.split("/")[0] if "/" in self.path else ""

    @property
    def is_cpp(self):
        return self.path.endswith(CPP_SUFFIXES)

    @property
    def is_python(self):
        return self.path.endswith(".py") or self.lines[0].startswith("#!/usr/bin/python3")

    @property
    def is_test(self):
        return self.path.startswith("tests/") or self.path.endswith("_test.cc")

    @property
    def code(self):
        """The text without comments and literals (C++), or as it is."""
        if self._code is None:
            self._code = blank(self.text) if self.is_cpp else self.text
        return self._code

    def line_of(self, offset):
        return self.text.count("\n", 0, offset) + 1

    def functions(self):
        """(name, first line, number of lines) of every function."""
        if self.is_cpp:
            return cpp_functions(self.code)
        if self.is_python:
            return python_functions(self.text)
        return []


def python_functions(text):
    return [
        (node.name, node.lineno, node.end_lineno - node.lineno + 1)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    ]


def cpp_functions(code):
    code = re.sub(r"^[ \t]*#(?:[^\n]*\\\n)*[^\n]*", lambda m: re.sub(r"[^\n]", " ", m[0]), code,
                  flags=re.M)
    found, opened = [], []  # opened: (name or None, offset of the signature) per open brace.
    inside = 0  # How many of those are functions.
    statement = 0  # Where the statement that we are in began.
    parens = 0
    for match in re.finditer(r"[{};()]", code):
        token, at = match[0], match.start()
        if token in "()":
            parens += 1 if token == "(" else -1
        elif token == "{":
            name = None if inside or parens else _function_name(code[statement:at])
            opened.append((name, statement, parens))
            inside += name is not None
            statement, parens = at + 1, 0
        elif token == "}" and opened:
            name, begin, parens = opened.pop()
            inside -= name is not None
            if parens or (name and re.match(r"\s*[,{]", code[at + 1:at + 80])):
                statement = begin  # `= {}` among parameters, or a member's `{x}` before the body.
                continue
            if name is not None:
                begin += len(code[begin:]) - len(code[begin:].lstrip())
                first = code.count("\n", 0, begin) + 1
                found.append((name, first, code.count("\n", 0, at) + 2 - first))
            statement = at + 1
        elif token == ";" and parens == 0:
            statement = at + 1
    return found


def _function_name(signature):
    """The function's name when `signature` (what precedes a brace) is one's, else None."""
    signature = re.sub(r"\b(?:public|private|protected)\s*:", "", signature)
    signature = re.sub(r"template\s*<[^{}]*?>\s*(?=\w)", "", signature)
    name = _NAME.search(signature)
    if name is None or _CONTROL.search(signature):
        return None
    before = signature.split("(")[0]
    if _TYPE.search(before) or "=" in before.replace("==", ""):
        return None
    test = _TEST.search(signature)
    return f"{test[1]}.{test[2]}" if test else name[1].strip()


def read_tree(root):
    """Every text file of the project: what git knows, or all files where there is no git."""
    listed = subprocess.run(
        ["git", "-C", root, "ls-files", "--cached", "--others", "--exclude-standard"],
        capture_output=True, text=True, check=False)
    if listed.returncode == 0 and os.path.exists(os.path.join(root, ".git")):
        paths = listed.stdout.split("\n")
    else:
        paths = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, names in os.walk(root) for name in names]
    files = []
    for path in sorted(filter(None, paths)):
        full = os.path.join(root, path)
        if path.startswith(SKIPPED) or path.endswith(BINARY_SUFFIXES) or not os.path.isfile(full):
            continue
        with open(full, "rb") as stream:
            data = stream.read()
        if b"\0" not in data[:4096]:
            files.append(SourceFile(path, data.decode(errors="replace")))
    return files
