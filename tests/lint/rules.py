# SPDX-License-Identifier: Apache-2.0
"""The house rules, one function each: given the files, it yields what offends.

A rule is called with the list of all files and yields (path, line, message). A message names what to
do instead.
"""
import os
import re

import floors

MAX_FILE_LINES = 800
MAX_FUNCTION_LINES = 70
MAX_FOLDER_SOURCES = 30
VAGUE_NAMES = {"misc", "common", "util", "utils", "helper", "helpers", "generic", "manager"}
VAGUE_TYPES = re.compile(r"\b(?:class|struct)\s+(\w+(?:Manager|Helper|Helpers|Util|Utils|Impl))\b")

# pattern, files it is about, files it spares, what to write instead. Tests may use the standard
# library as an oracle.
CPP, TEST_CC = r"\.(h|cc)$", r"_test\.cc$"
BANS = [
    (r"absl::string_view\b", CPP, r"^base/strings\.h$",
     "std::string_view; at Abseil's border Absl() and Std() of base/strings.h"),
    (r"absl::Mutex\b", CPP, None,
     "std::mutex, or base/mutex.h under the data path: ThreadSanitizer cannot see into absl::Mutex"),
    (r"std::regex\b", CPP, None, "base/glob.h, or a few lines of parsing"),
    (r"(?<![\w.])(?:std::)?(?:stoi|stol|stoll|stoul|stoull|stod|atoi|atol|atof|strtol|strtoll|strtoul|"
     r"strtoull|strtod)\s*\(", CPP, r"^base/numbers\.cc$|_test\.cc$", "the parsers of base/numbers.h"),
    (r"(?<![\w.:>])s?rand\s*\(|std::random_device\b|std::mt19937", CPP, None, "base/random.h"),
    (r"std::endl\b", CPP, None, "'\\n'"),
    (r"std::unordered_(?:map|set)\b", CPP, TEST_CC,
     "absl::flat_hash_map, or StringMap of base/strings.h"),
    (r"\bthrow\b", CPP, None, "absl::Status: no exception crosses a function's face"),
    (r"using namespace std\b", CPP, None, "the names in full"),
    (r"\bsleep\s*\(|\busleep\s*\(|sleep_until\b", TEST_CC, None, "a wait for the condition"),
    (r"sleep_for\((?!std::chrono::(?:micro|nano)seconds\(|std::chrono::milliseconds\(1?\d\))",
     TEST_CC, None, "a wait for the condition, polled every 10 ms"),
    (r"\btime\.sleep\((?!0\.0[0-5]\d*\)|POLL_SECONDS\))", r"^tests/.*\.py$", r"^tests/lint/",
     "a wait for the condition, polled every 10 to 50 ms"),
]


def include_floors(files):
    """A folder includes only from itself and from the floors below it."""
    for file in files:
        if not file.is_cpp or file.folder not in floors.FLOORS:
            continue
        for number, line in enumerate(file.lines, 1):
            include = re.match(r'\s*#\s*include\s*"([^"]+)"', line)
            if include and not floors.may_include(file.folder, include[1]):
                yield (file.path, number, f"{file.folder}/ may not include {include[1]}: declare "
                       "the interface you need here and let server/ implement it")
            if include and "/" not in include[1]:
                yield (file.path, number, f'include "{include[1]}" from the root')


def file_length(files):
    for file in files:
        if re.search(r"\.(h|cc|py|proto|ts|sh|rt)$", file.path) and len(file.lines) - 1 > MAX_FILE_LINES:
            yield (file.path, 1, f"{len(file.lines) - 1} lines, above {MAX_FILE_LINES}: make rooms")


def function_length(files):
    for file in files:
        for name, line, length in file.functions():
            if length > MAX_FUNCTION_LINES:
                yield (file.path, line, f"{name}: {length} lines, above {MAX_FUNCTION_LINES}: take "
                       "steps out of it")


def folder_size(files):
    sizes = {}
    for file in files:
        if file.is_cpp and not file.is_test:
            sizes.setdefault(os.path.dirname(file.path), []).append(file)
    for folder, members in sizes.items():
        if len(members) > 2 * MAX_FOLDER_SOURCES:  # A header and a source each.
            yield (folder, 1, f"{len(members)} sources in one folder: make rooms")


def opening(files):
    """Sources say under which licence they are; headers also what they are, and are read once."""
    for file in files:
        spdx = "SPDX-License-Identifier: Apache-2.0"
        script = file.lines[0].startswith("#!")
        if file.is_cpp or file.is_python or script or file.path.endswith((".proto", ".cmake", ".ts")):
            if not any(spdx in line for line in file.lines[: 2 if script else 1]):
                yield (file.path, 1, f"the first line must be the comment {spdx}")
        if not file.path.endswith(".h"):
            continue
        if len(file.lines) < 2 or not re.match(r"//\s*\w", file.lines[1]):
            yield (file.path, 2, "open the header with a comment: what it is, who may call it from "
                   "which thread, what holds always")
        if not re.search(r"^#pragma once$", file.text, re.M):
            yield (file.path, 1, "write #pragma once after the opening comment")


def names(files):
    seen = set()
    for file in files:
        parts = file.path.split("/")
        for depth, part in enumerate(parts, 1):
            path = "/".join(parts[:depth])
            words = set(re.split(r"[_.\-]", part.lower()))
            if path not in seen and words & VAGUE_NAMES:
                yield (path, 1, "a name that says nothing: call it after the thing it holds")
            seen.add(path)
        if file.is_cpp:
            for match in VAGUE_TYPES.finditer(file.code):
                yield (file.path, file.line_of(match.start()),
                       f"{match[1]}: find the noun for what it is")


def bans(files):
    for file in files:
        for pattern, about, spared, instead in BANS:
            if not re.search(about, file.path) or (spared and re.search(spared, file.path)):
                continue
            for match in re.finditer(pattern, file.code):
                yield (file.path, file.line_of(match.start()), f"{match[0]}: write {instead}")


def unfinished(files):
    """What is missing is done, or told to the reader of docs/differences.md; not to the compiler."""
    marks = re.compile(r"\b(?:TO" r"DO|FIX" r"ME)\b")
    for file in files:
        if not re.search(r"\.(h|cc|py|proto|ts)$", file.path):
            continue
        for match in marks.finditer(file.text):
            yield (file.path, file.line_of(match.start()), f"{match[0]}: do it, or list what is "
                   "missing in docs/differences.md")


def whitespace(files):
    for file in files:
        for number, line in enumerate(file.lines, 1):
            if re.search(r"[ \t\r]$", line) and not file.path.endswith((".patch", ".diff")):
                yield (file.path, number, "trailing whitespace")
            if "\t" in line and (file.is_cpp or file.is_python):
                yield (file.path, number, "a tab: indent with spaces, write \\t in literals")
        if file.text and not file.text.endswith("\n"):
            yield (file.path, len(file.lines), "no newline at the end")


def machine_paths(files):
    """Nothing in the project knows the machine that it was written on."""
    pattern = re.compile(r"(?<![\w.])/(?:work|root|home/\w+|Users/\w+)/")
    for file in files:
        if file.path.startswith(("deploy/", "tests/lint/")):
            continue  # Images have homes of their own; this rule's own test plants some.
        for match in pattern.finditer(file.text):
            yield (file.path, file.line_of(match.start()),
                   f"{match[0]}: a path of one machine; take it relative to the project")


def folders_of(paths):
    folders = {os.path.dirname(path) for path in paths}
    return folders | {"/".join(f.split("/")[:n]) for f in folders for n in range(1, f.count("/") + 1)}


def anchors_of(page):
    """What a link may have behind its #: the headings, as GitHub writes them there."""
    text = re.sub(r"^```.*?^```", "", page.text, flags=re.M | re.S)
    headings = re.findall(r"^#+ +(.*)$", text, re.M)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def document_links(files):
    """A relative link in a page leads to a file, and a heading, that exist."""
    pages = {file.path: file for file in files}
    folders = folders_of(pages)
    for file in files:
        if not file.path.endswith(".md"):
            continue
        for match in re.finditer(r"\]\(([^)#\s]*)(?:#([^)\s]*))?\)", file.text):
            if re.match(r"\w+:", match[1]):
                continue
            target = file.path
            if match[1]:
                target = os.path.normpath(os.path.join(os.path.dirname(file.path), match[1]))
            line = file.line_of(match.start())
            if target not in pages and target not in folders:
                yield (file.path, line, f"{match[1]} does not exist")
            elif match[2] and match[2] not in anchors_of(pages[target]):
                yield (file.path, line, f"{target} has no heading #{match[2]}")


def document_paths(files):
    """A source that a page names in code (`store/table.h`, `table.h`) is there."""
    paths = {file.path for file in files}
    names = {os.path.basename(path) for path in paths} | {"redis.conf", "henge.yaml"}
    roots = {path.split("/")[0] for path in paths if "/" in path}
    folders = folders_of(paths)
    for file in files:
        if not file.path.endswith(".md"):
            continue
        for match in re.finditer(r"`([\w./-]+)`", file.text):
            word = match[1].rstrip("/")
            from_root = "/" in word and word.split("/")[0] in roots
            missing = from_root and word not in paths and word not in folders
            is_name = "/" not in word and re.search(r"\w\.(?:h|cc|py)$", word)
            missing |= bool(is_name) and word not in names
            if missing and not re.match(r"x(?:_test)?\.", word):  # x.cc stands for any.
                yield (file.path, file.line_of(match.start()), f"{match[1]} does not exist")


def parameter_marks(files):
    """docs/reference says truly which parameters do nothing: kNotYet stands where nobody reads the
    setting, and only there. INFO may show, and CONFIG check, what steers nothing yet."""
    row = re.compile(r'^ +\w+\("([\w-]+)",.*At<&Settings::(\w+)>(.*)$', re.M)
    readers = [file for file in files if file.is_cpp and file.folder == "server" and
               not file.is_test and not re.match(r"server/config/(?:rows_|settings\.h)", file.path)]
    for file in files:
        if not re.match(r"server/config/rows_\w+\.cc$", file.path):
            continue
        for match in row.finditer(file.text):
            name, field, rest = match.groups()
            use = re.compile(rf"(?:\.|->|&Settings::){field}\b")
            line = file.line_of(match.start())
            by = [reader.path for reader in readers if use.search(reader.code)]
            steers = [path for path in by if not path.startswith(("server/info/", "server/config/"))]
            if steers and re.search(r"\bkNotYet\b", rest):
                yield (file.path, line, f"{steers[0]} reads {name}: take kNotYet off")
            if not by and not re.search(r"\bk(?:NotYet|CompatOnly)\b", rest):
                yield (file.path, line, f"nobody reads {name}: mark it kNotYet or kCompatOnly")


RULES = [include_floors, file_length, function_length, folder_size, opening, names, bans,
         unfinished, whitespace, machine_paths, document_links,
         document_paths, parameter_marks]
