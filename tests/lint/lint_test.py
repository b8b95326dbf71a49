#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lint itself: every rule catches a violation planted in a project made for it, and no other."""
import os
import tempfile
import unittest

import lint
import rules
import source

SPDX = "// SPDX-License-Identifier: Apache-2.0\n"
HEADER = SPDX + "// Thing: holds the thing. Any thread.\n#pragma once\n"


def lint_project(**contents):
    """The findings for a project of these files; `__` stands for a slash, `_DOT_` for a dot."""
    with tempfile.TemporaryDirectory() as root:
        for name, text in contents.items():
            path = os.path.join(root, name.replace("__", "/").replace("_DOT_", "."))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w", encoding="utf-8") as stream:
                stream.write(text)
        return lint.check(root)


def body(lines):
    return "int Run(int x) {\n" + "  x++;\n" * (lines - 2) + "}\n"


class EveryRule(unittest.TestCase):
    def expect(self, findings, *wanted):
        """Each wanted text stands in the finding at its place; there is no other."""
        self.assertEqual(len(findings), len(wanted), findings)
        for finding, text in zip(findings, wanted):
            self.assertIn(text, finding)

    def test_a_sound_project_has_no_finding(self):
        self.expect(lint_project(
            store__table_DOT_h=HEADER + '#include "base/strings.h"\n',
            store__table_DOT_cc=SPDX + body(70),
            docs__a_DOT_md="[b](b.md#part) [web](https://example.org)\n", docs__b_DOT_md="# Part\n"))

    def test_floors(self):
        findings = lint_project(
            store__a_DOT_cc=SPDX + '#include "commands/context.h"\n',
            commands__b_DOT_cc=SPDX + '#include "cluster/api.h"\n#include "cluster/ring.h"\n',
            net__c_DOT_cc=SPDX + '#include "worker.h"\n',
            proxy__d_DOT_cc=SPDX + '#include "server/node.h"\n')
        self.expect(findings, "commands/b.cc:3: [include_floors] commands/ may not include cluster/",
                    "net/c.cc:2: [include_floors]", "proxy/d.cc:2", "store/a.cc:2")

    def test_lengths(self):
        self.expect(lint_project(store__a_DOT_cc=SPDX + "int a;\n" * 800),
                    "store/a.cc:1: [file_length] 801")
        self.expect(lint_project(store__a_DOT_cc=SPDX + "\n" + body(71)),
                    "store/a.cc:3: [function_length] Run: 71")
        python = "#!/usr/bin/python3\n# SPDX-License-Identifier: Apache-2.0\ndef run():\n"
        self.expect(lint_project(tests__a_DOT_py=python + "    print()\n" * 70), "run: 71 lines")

    def test_waivers_excuse_up_to_their_limit_and_only_while_needed(self):
        waiver = "function_length store/a.cc:Run 75 a table in code\n"
        long = SPDX + body(71)
        self.expect(lint_project(store__a_DOT_cc=long, tests__lint__waivers_DOT_txt=waiver))
        self.expect(lint_project(store__a_DOT_cc=SPDX + body(76),
                                 tests__lint__waivers_DOT_txt=waiver), "Run: 76 lines")
        self.expect(lint_project(store__a_DOT_cc=SPDX + body(70),
                                 tests__lint__waivers_DOT_txt=waiver), "not needed any more")
        with self.assertRaises(ValueError):
            lint_project(tests__lint__waivers_DOT_txt="file_length store/a.cc 900\n")

    def test_folder_size(self):
        many = {f"store__f{i}_DOT_cc": SPDX for i in range(61)}
        self.expect(lint_project(**many), "store:1: [folder_size] 61")

    def test_openings(self):
        self.expect(lint_project(store__a_DOT_h="#pragma once\n"), "SPDX", "open the header")
        self.expect(lint_project(store__a_DOT_h=SPDX + "// A thing.\n"), "#pragma once")
        self.expect(lint_project(scripts__a="#!/bin/bash\necho\n"), "scripts/a:1: [opening]")
        self.expect(lint_project(scripts__a="#!/bin/bash\n" + SPDX.replace("//", "#")))

    def test_names(self):
        self.expect(lint_project(store__string_utils_DOT_cc=SPDX), "store/string_utils.cc:1: [names]")
        self.expect(lint_project(store__common__a_DOT_cc=SPDX), "store/common:1: [names]")
        self.expect(lint_project(store__a_DOT_cc=SPDX + "class NodeManager {};\n"), "NodeManager")

    def test_bans(self):
        for text in ("absl::string_view s;", "absl::Mutex m;", "std::regex r;", "int i = atoi(s);",
                     "int i = std::stoi(s);", "int i = rand();", "out << std::endl;",
                     "std::unordered_map<int, int> m;", "throw 1;", "using namespace std;"):
            with self.subTest(text):
                self.expect(lint_project(store__a_DOT_cc=SPDX + text + "\n"),
                            "store/a.cc:2: [bans]")
                self.expect(lint_project(store__a_DOT_cc=SPDX + "// " + text + "\n"))
        for text in ("sleep(1);", "std::this_thread::sleep_for(std::chrono::seconds(1));"):
            with self.subTest(text):
                self.expect(lint_project(store__a_test_DOT_cc=SPDX + text + "\n"), "[bans]")
        python = "# SPDX-License-Identifier: Apache-2.0\nimport time\n"
        self.expect(lint_project(tests__a_DOT_py=python + "time.sleep(1)\n"), "[bans]")
        self.expect(lint_project(tests__a_DOT_py=python + "time.sleep(0.01)\n"))
        self.expect(lint_project(base__strings_DOT_h=HEADER + "absl::string_view Absl();\n"))

    def test_unfinished_work(self):
        mark = "TO" + "DO"
        self.expect(lint_project(store__a_DOT_cc=SPDX + f"// {mark}: all\n"), "[unfinished]")

    def test_whitespace(self):
        self.expect(lint_project(a_DOT_md="text \n"), "a.md:1: [whitespace] trailing")
        self.expect(lint_project(a_DOT_md="text"), "no newline")
        self.expect(lint_project(store__a_DOT_cc=SPDX + "\tint a;\n"), "a tab")

    def test_machine_paths(self):
        self.expect(lint_project(a_DOT_md="see " + "/home" + "/ann/henge\n"), "[machine_paths]")

    def test_document_links(self):
        self.expect(lint_project(docs__a_DOT_md="[b](gone.md)\n"), "docs/a.md:1: [document_links]")
        page = "# A page\n\n```\n# no heading\n```\n## Two, or `three`\n"
        good = "[1](b.md#two-or-three) [2](b.md#a-page) [3](#here)\n# Here\n"
        self.expect(lint_project(docs__a_DOT_md=good, docs__b_DOT_md=page))
        bad = "[1](b.md#no-heading)\n[2](#there)\n"
        self.expect(lint_project(docs__a_DOT_md=bad, docs__b_DOT_md=page),
                    "docs/a.md:1: [document_links] docs/b.md has no heading #no-heading",
                    "docs/a.md:2: [document_links] docs/a.md has no heading #there")

    def test_document_paths(self):
        page = "`store/a.h` `a.h` `store/` `x_test.cc` `x/y.h`\n\n`store/b.h`\n`b.h`\n"
        self.expect(lint_project(store__a_DOT_h=HEADER, docs__a_DOT_md=page),
                    "docs/a.md:3: [document_paths] store/b.h does not exist",
                    "docs/a.md:4: [document_paths] b.h does not exist")

    def test_parameter_marks(self):
        rows = "".join(f'    Int("{name}", "x.{name}", At<&Settings::{name}>, {{0, 9, 1}}, {mark}, "X."),\n'
                       for name, mark in (("a", "0"), ("b", "kNotYet"), ("c", "0"),
                                          ("d", "kImmutable | kNotYet"), ("e", "kCompatOnly")))
        self.expect(lint_project(server__config__rows_x_DOT_cc=SPDX + rows,
                                 server__node_DOT_cc=SPDX + "int i = s.a.load() + s.b.load();\n"),
                    "rows_x.cc:3: [parameter_marks] server/node.cc reads b", "rows_x.cc:4: [parameter_marks] nobody")

    def test_no_rule_is_untested(self):
        tested = " ".join(name for name in dir(self) if name.startswith("test_"))
        for rule in rules.RULES:
            words = rule.__name__.replace("include_", "").replace("file_", "").replace(
                "function_", "").rstrip("s")
            self.assertIn(words, tested)


class ReadingCpp(unittest.TestCase):
    def names(self, code):
        return [name for name, _, _ in source.cpp_functions(source.blank(code))]

    def test_finds_functions_where_they_are(self):
        self.assertEqual(self.names("""
            namespace a { class B : public C { public: void F() const { if (x) { y(); } } };
            template <class T> std::vector<T> G(T t = {}) { return {t}; }
            B::B(int x) : C(x), y_{x} { for (;;) { auto f = [] { return 1; }; } }
            const int kTable[] = {1, 2};
            enum class E { kA }; struct S { int i = f(3); }; }
        """), ["F", "G", "B::B"])

    def test_ignores_braces_in_literals_and_comments(self):
        self.assertEqual(self.names('''
            void F() { Call("{", '{', R"({)"); /* { */ } // {
            void G() { int n = 1'000'000; }
        '''), ["F", "G"])


if __name__ == "__main__":
    unittest.main()
