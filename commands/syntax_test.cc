// SPDX-License-Identifier: Apache-2.0
#include "commands/syntax.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "commands/command_table.h"
#include "commands/introspection/docs_reply.h"

namespace henge::commands {
namespace {

std::string Show(const std::vector<Argument>& arguments);

// TOKEN name:type#key_spec@since{arguments} with ? * ** for optional, multiple, multiple_token.
std::string Show(const Argument& a) {
  std::string out;
  if (!a.token.empty()) out += a.token + " ";
  out += a.name + ":" + std::string(TypeName(a.type));
  if (!a.text.empty() && a.text != a.name) out += "(" + a.text + ")";
  if (a.key_spec >= 0) out += "#" + std::to_string(a.key_spec);
  if (!a.since.empty()) out += "@" + a.since;
  if (!a.deprecated_since.empty()) out += "@!" + a.deprecated_since;
  if (!a.arguments.empty()) out += "{" + Show(a.arguments) + "}";
  if (a.optional) out += "?";
  if (a.multiple) out += a.multiple_token ? "**" : "*";
  return out;
}

std::string Show(const std::vector<Argument>& arguments) {
  std::string out;
  for (const Argument& a : arguments) out += (out.empty() ? "" : ", ") + Show(a);
  return out;
}

std::string Parsed(std::string_view syntax, int key_specs = 1) {
  const auto arguments = ParseSyntax(syntax, key_specs);
  return arguments ? Show(*arguments) : "unsound";
}

TEST(Syntax, ReadsValuesAndTheirTypes) {
  EXPECT_EQ(Parsed("key value"), "key:key#0, value:string");
  EXPECT_EQ(Parsed("key", 0), "key:string");
  EXPECT_EQ(Parsed("seconds timeout pattern unix-time-seconds"),
            "seconds:integer, timeout:double, pattern:pattern, unix-time-seconds:unix-time");
  EXPECT_EQ(Parsed("start#string addr=ip:port"), "start:string, addr:string(ip:port)");
  EXPECT_EQ(Parsed("ID#string [ID ...]"), "ID:string*");
  EXPECT_EQ(Parsed(""), "");
}

TEST(Syntax, ReadsTokensAndChoices) {
  EXPECT_EQ(Parsed("[NX | XX] [GET@6.2.0]"),
            "condition:oneof{NX nx:pure-token, XX xx:pure-token}?, GET get:pure-token@6.2.0?");
  EXPECT_EQ(Parsed("[EX seconds | KEEPTTL]"),
            "expiration:oneof{EX seconds:integer, KEEPTTL keepttl:pure-token}?");
  EXPECT_EQ(Parsed("[TYPE <'normal' | 'pubsub'>]"),
            "TYPE type:oneof{normal normal:pure-token, pubsub pubsub:pure-token}?");
  EXPECT_EQ(Parsed("<first: a | B>"), "first:oneof{a:string, B b:pure-token}");
  EXPECT_EQ(
      Parsed("[= | ~] change=CH"),
      "operator:oneof{= equal:pure-token, ~ approximately:pure-token}?, CH change:pure-token");
}

TEST(Syntax, ReadsWhatRepeats) {
  EXPECT_EQ(Parsed("key [key ...]"), "key:key#0*");
  EXPECT_EQ(Parsed("[event [event ...]]"), "event:string?*");
  EXPECT_EQ(Parsed("key value [key value ...]"), "data:block{key:key#0, value:string}*");
  EXPECT_EQ(Parsed("ID client-id [client-id ...]"), "ID client-id:integer*");
  EXPECT_EQ(Parsed("[GET pattern [GET pattern ...]]"), "GET pattern:pattern?**");
  EXPECT_EQ(Parsed("[GET encoding offset [GET encoding offset ...]]"),
            "GET get:block{encoding:string, offset:integer}?**");
  EXPECT_EQ(Parsed("a b [pair: a b ...]"), "pair:block{a:string, b:string}*");
  EXPECT_EQ(Parsed("<all: A | B ...>"), "all:oneof{A a:pure-token, B b:pure-token}*");
}

TEST(Syntax, ReadsBlocks) {
  EXPECT_EQ(Parsed("[LIMIT offset count]"), "LIMIT limit:block{offset:integer, count:integer}?");
  EXPECT_EQ(Parsed("[range: start [end [BYTE | BIT]]]"),
            "range:block{start:integer, end-block:block{end:integer, "
            "unit:oneof{BYTE byte:pure-token, BIT bit:pure-token}?}?}?");
  EXPECT_EQ(Parsed("[COUNT count [ANY]]"),
            "count-block:block{COUNT count:integer, ANY any:pure-token?}?");
  EXPECT_EQ(Parsed("STREAMS <streams: key [key ...] id [id ...]>"),
            "STREAMS streams:block{key:key#0*, id:string*}");
  EXPECT_EQ(Parsed("[a b | C d]"),
            "a-block-block:oneof{a-block:block{a:string, b:string}, C d:string}?");
}

TEST(Syntax, NumbersTheKeySpecsInOrder) {
  EXPECT_EQ(Parsed("destination key [key ...]", 2), "destination:key#0, key:key#1*");
  EXPECT_EQ(Parsed("key [STORE destination#key:2]", 3), "key:key#0, STORE destination:key#2?");
}

TEST(Syntax, RefusesWhatIsUnbalancedOrEmpty) {
  for (const std::string_view bad : {"[", "]", "[a", "a]", "[a>", "a | b", "[]", "[a | ]", "[a ...",
                                     "a ...", "a#nosuch", "a [...]", "key#key:1", "a#string:x"}) {
    EXPECT_EQ(Parsed(bad), "unsound") << bad;
  }
}

std::string Told(std::string_view syntax) {
  const auto arguments = ParseSyntax(syntax, 1);
  return arguments ? SyntaxText(*arguments) : "unsound";
}

TEST(SyntaxText, IsTheManuals) {
  EXPECT_EQ(Told("key value [condition@2.6.12: NX | XX] [GET@6.2.0] [EX seconds | PX ms]"),
            "key value [NX | XX] [GET] [EX seconds | PX ms]");
  EXPECT_EQ(Told("[TYPE <'normal' | 'pubsub'>] [ID a=client-id [client-id ...]]"),
            "[TYPE <normal | pubsub>] [ID client-id [client-id ...]]");
  EXPECT_EQ(Told("STREAMS <streams: key [key ...] ID#string [ID ...]>"),
            "STREAMS key [key ...] ID [ID ...]");
  EXPECT_EQ(Told("<by: <circle: BYRADIUS radius> | <box: BYBOX <width> height>>"),
            "<BYRADIUS radius | BYBOX width height>");
  EXPECT_EQ(Told("[op: get=GET a b | <w: [O <X | Y>] <SET a | B>> ...]"),
            "[GET a b | [O <X | Y>] <SET a | B> ...]");
}

TEST(SyntaxText, OfEveryRowReadsAsItself) {
  for (const CommandInfo& info : CommandTable::Get().all()) {
    const std::string text = SyntaxText(ArgumentsOf(info));
    EXPECT_EQ(Told(text), text) << info.full_name;
  }
}

int KeySpecsOf(const CommandSpec& spec) {
  int count = 0;
  for (const KeySpec& keys : spec.keys) count += keys.begin != KeySpec::Begin::kNone ? 1 : 0;
  return count;
}

TEST(Syntax, OfEveryRowIsSound) {
  for (const CommandInfo& info : CommandTable::Get().all()) {
    EXPECT_NE(Parsed(info.spec->syntax, KeySpecsOf(*info.spec)), "unsound") << info.full_name;
    EXPECT_EQ(info.spec->syntax.empty(), ArgumentsOf(info).empty()) << info.full_name;
  }
}

TEST(History, IsReadAsPairs) {
  using Pairs = std::vector<std::pair<std::string_view, std::string_view>>;
  EXPECT_EQ(ReadHistory(""), Pairs());
  EXPECT_EQ(ReadHistory("2.6.12 NX and XX; 6.2.0 GET"),
            (Pairs{{"2.6.12", "NX and XX"}, {"6.2.0", "GET"}}));
}

}  // namespace
}  // namespace henge::commands
