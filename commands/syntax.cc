// SPDX-License-Identifier: Apache-2.0
#include "commands/syntax.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::commands {
namespace {

using Type = Argument::Type;
using Arguments = std::vector<Argument>;
using Names = std::pair<std::string_view, std::string_view>;

constexpr std::array<std::string_view, 9> kTypeNames = {
    "string", "integer", "double", "key", "pattern", "unix-time", "pure-token", "oneof", "block"};

constexpr std::string_view kIntegers[] = {"bits",
                                          "client-id",
                                          "cluster-bus-port",
                                          "config-epoch",
                                          "count",
                                          "current-epoch",
                                          "cursor",
                                          "db",
                                          "decrement",
                                          "end",
                                          "end-slot",
                                          "entries-added",
                                          "frequency",
                                          "increment",
                                          "index",
                                          "index1",
                                          "index2",
                                          "limit",
                                          "len",
                                          "milliseconds",
                                          "min-match-len",
                                          "ms",
                                          "num-matches",
                                          "numkeys",
                                          "numlocal",
                                          "numreplicas",
                                          "offset",
                                          "port",
                                          "protover",
                                          "quorum",
                                          "rank",
                                          "seconds",
                                          "slot",
                                          "start",
                                          "start-slot",
                                          "stop",
                                          "ttl",
                                          "version",
                                          "weight",
                                          "bit",
                                          "entries-read",
                                          "maxage",
                                          "destination-db"};
constexpr std::string_view kDoubles[] = {"timeout", "longitude", "latitude", "radius",
                                         "width",   "height",    "score"};
constexpr std::string_view kKeys[] = {"key",  "destkey", "source", "destination", "key1",
                                      "key2", "newkey",  "dst",    "src",         "sourcekey"};

// Tokens that are not words, and how they are called.
constexpr Names kSymbols[] = {
    {"=", "equal"}, {"~", "approximately"}, {"*", "auto-id"}, {"$", "new-id"}};
// How a choice is called, by its first alternative.
constexpr Names kChoices[] = {{"nx", "condition"},     {"m", "unit"},
                              {"byte", "unit"},        {"asc", "order"},
                              {"left", "where"},       {"before", "where"},
                              {"async", "flush-type"}, {"seconds", "expiration"},
                              {"equal", "operator"},   {"maxlen", "strategy"},
                              {"byscore", "sortby"},   {"auto-id", "id-selector"}};

template <size_t N>
bool IsAmong(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

template <size_t N>
std::string Lookup(const Names (&names)[N], std::string_view what) {
  for (const auto& [from, to] : names) {
    if (from == what) return std::string(to);
  }
  return {};
}

Type TypeOfWord(std::string_view word, int key_specs) {
  if (key_specs > 0 && IsAmong(kKeys, word)) return Type::kKey;
  if (IsAmong(kIntegers, word)) return Type::kInteger;
  if (IsAmong(kDoubles, word)) return Type::kDouble;
  if (word == "pattern") return Type::kPattern;
  return word.substr(0, 9) == "unix-time" ? Type::kUnixTime : Type::kString;
}

struct Lexeme {
  char kind;  // One of "[]<>|", '.' for "...", 'w' for a word.
  std::string_view text;
};

std::vector<Lexeme> Split(std::string_view s) {
  std::vector<Lexeme> out;
  constexpr std::string_view kMarks = "[]<>|";
  for (size_t i = 0; i < s.size();) {
    size_t end = i + 1;
    if (s[i] == ' ') {
      i = end;
      continue;
    }
    if (kMarks.find(s[i]) != std::string_view::npos) {
      out.push_back({s[i], s.substr(i, 1)});
      i = end;
      continue;
    }
    bool quoted = s[i] == '\'';
    for (; end < s.size() && (quoted || (s[end] != ' ' && kMarks.find(s[end]) == s.npos)); ++end) {
      if (s[end] == '\'') quoted = !quoted;
    }
    const std::string_view word = s.substr(i, end - i);
    out.push_back({word == "..." ? '.' : 'w', word});
    i = end;
  }
  return out;
}

// A word taken apart: name=text#type@since@!deprecated.
struct Word {
  std::string_view name, text, type, since, deprecated_since;
  bool is_token = false;
};

// Cuts what follows `mark` off `text`.
std::string_view CutAfter(std::string_view& text, std::string_view mark) {
  const size_t at = text.find(mark, 1);
  if (at == std::string_view::npos) return {};
  const std::string_view rest = text.substr(at + mark.size());
  text = text.substr(0, at);
  return rest;
}

Word ReadWord(std::string_view text) {
  Word word;
  word.deprecated_since = CutAfter(text, "@!");
  word.since = CutAfter(text, "@");
  word.type = CutAfter(text, "#");
  const size_t equals = text.find('=');
  if (equals != std::string_view::npos && equals > 0 && equals + 1 < text.size()) {
    word.name = text.substr(0, equals);
    text.remove_prefix(equals + 1);
  }
  if (text.size() >= 2 && text.front() == '\'' && text.back() == '\'') {
    word.text = text.substr(1, text.size() - 2);
    word.is_token = true;
    return word;
  }
  word.text = text;
  const bool capitals =
      std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
  word.is_token = capitals && word.type.empty();
  return word;
}

class SyntaxParser {
 public:
  SyntaxParser(std::string_view syntax, int key_specs)
      : lexemes_(Split(syntax)), key_specs_(key_specs) {}

  std::optional<Arguments> Parse() {
    Arguments arguments = ReadSequence(false);
    if (!sound_ || at_ != lexemes_.size()) return std::nullopt;
    return arguments;
  }

 private:
  char KindAt(size_t at) const { return at < lexemes_.size() ? lexemes_[at].kind : '\0'; }
  bool IsValueAt(size_t at) const {
    return KindAt(at) == 'w' && !ReadWord(lexemes_[at].text).is_token;
  }
  bool IsTokenAt(size_t at) const {
    return KindAt(at) == 'w' && ReadWord(lexemes_[at].text).is_token;
  }
  size_t ClosingOf(size_t open) const;
  bool IsRepetitionAt(size_t at) const {
    return KindAt(at) == '[' && KindAt(ClosingOf(at) - 1) == '.';
  }

  Arguments ReadSequence(bool in_group);
  bool ReadRepetition(size_t begin, Arguments& items, std::vector<size_t>& starts);
  Argument ReadItem();
  Argument ReadValue(const Word& token);
  Argument ReadTokenBlock();
  Argument ReadGroup();
  Word ReadHeader();
  static Argument Block(std::string_view name, Arguments arguments);
  static void NameGroup(Argument& group);
  static Argument Combine(const Word& header, std::vector<Arguments> alternatives);

  std::vector<Lexeme> lexemes_;
  size_t at_ = 0;
  int key_specs_;
  int next_key_ = 0;
  bool sound_ = true;
};

size_t SyntaxParser::ClosingOf(size_t open) const {
  int depth = 0;
  for (size_t at = open; at < lexemes_.size(); ++at) {
    if (KindAt(at) == '[' || KindAt(at) == '<') ++depth;
    if (KindAt(at) == ']' || KindAt(at) == '>') --depth;
    if (depth == 0) return at;
  }
  return lexemes_.size();
}

Arguments SyntaxParser::ReadSequence(bool in_group) {
  Arguments items;
  std::vector<size_t> starts;  // Where each item begins.
  const size_t begin = at_;
  while (KindAt(at_) == 'w' || KindAt(at_) == '[' || KindAt(at_) == '<') {
    if (ReadRepetition(begin, items, starts)) continue;
    starts.push_back(at_);
    const bool token_of_all =
        in_group && items.empty() && IsTokenAt(at_) && IsValueAt(at_ + 1) && IsValueAt(at_ + 2);
    items.push_back(token_of_all ? ReadTokenBlock() : ReadItem());
  }
  if (items.empty() && in_group) sound_ = false;
  return items;
}

// "[key value ...]" behind "key value".
bool SyntaxParser::ReadRepetition(size_t begin, Arguments& items, std::vector<size_t>& starts) {
  if (!IsRepetitionAt(at_)) return false;
  const size_t open = at_, close = ClosingOf(open);
  at_ = open + 1;
  const Word header = ReadHeader();
  const size_t first = at_, count = close - 1 - first;
  at_ = open;
  if (count == 0 || count > open - begin) return false;
  const size_t start = open - count;
  for (size_t i = 0; i < count; ++i) {
    if (ReadWord(lexemes_[start + i].text).text != ReadWord(lexemes_[first + i].text).text) {
      return false;
    }
  }
  const auto covered = std::lower_bound(starts.begin(), starts.end(), start) - starts.begin();
  if (covered + 1 < static_cast<ptrdiff_t>(items.size())) {
    Arguments repeated(std::make_move_iterator(items.begin() + covered),
                       std::make_move_iterator(items.end()));
    items.resize(static_cast<size_t>(covered));
    starts.resize(static_cast<size_t>(covered) + 1);
    items.push_back(Block(header.text.empty() ? "data" : header.text, std::move(repeated)));
    items.back().since = header.since;
  } else if (starts.back() == start) {
    items.back().multiple_token =
        !items.back().token.empty() && items.back().type != Type::kPureToken;
  }
  items.back().multiple = true;
  at_ = close + 1;
  return true;
}

Argument SyntaxParser::ReadItem() {
  if (KindAt(at_) != 'w') {
    Argument group = ReadGroup();
    NameGroup(group);
    return group;
  }
  const Word word = ReadWord(lexemes_[at_].text);
  if (!word.is_token) return ReadValue({});
  ++at_;
  if (IsValueAt(at_)) return ReadValue(word);
  Argument argument;
  if (KindAt(at_) == '<') {
    argument = ReadGroup();
    if (argument.name.empty()) argument.name = ToLower(word.text);
  } else {
    argument.type = Type::kPureToken;
    argument.name = word.name.empty() ? Lookup(kSymbols, word.text) : std::string(word.name);
    if (argument.name.empty()) argument.name = ToLower(word.text);
    argument.text = argument.name;
  }
  argument.token = word.text;
  argument.since = word.since;
  argument.deprecated_since = word.deprecated_since;
  return argument;
}

// The value at hand, behind `token` if that has a text.
Argument SyntaxParser::ReadValue(const Word& token) {
  const Word word = ReadWord(lexemes_[at_++].text);
  Argument argument;
  argument.token = token.text;
  argument.text = word.text;
  argument.name = word.name.empty() ? word.text : word.name;
  argument.since = token.since.empty() ? word.since : token.since;
  argument.deprecated_since =
      token.deprecated_since.empty() ? word.deprecated_since : token.deprecated_since;
  argument.type = TypeOfWord(word.text, key_specs_);
  if (!word.type.empty()) {
    const std::string_view type = word.type.substr(0, word.type.find(':'));
    const auto found = std::find(kTypeNames.begin(), kTypeNames.end(), type);
    if (found == kTypeNames.end()) sound_ = false;
    argument.type = static_cast<Type>(found - kTypeNames.begin());
  }
  if (argument.type == Type::kKey) argument.key_spec = std::min(next_key_++, key_specs_ - 1);
  const size_t colon = word.type.find(':');
  if (colon != std::string_view::npos) {
    const auto key_spec = ParseInt64(word.type.substr(colon + 1));
    if (!key_spec || *key_spec < 0 || *key_spec >= key_specs_) sound_ = false;
    argument.key_spec = static_cast<int>(key_spec.value_or(-1));
  }
  return argument;
}

// "LIMIT offset count", up to the end of the group or to its repetition.
Argument SyntaxParser::ReadTokenBlock() {
  const Word token = ReadWord(lexemes_[at_++].text);
  Arguments values;
  while ((KindAt(at_) == 'w' || KindAt(at_) == '[' || KindAt(at_) == '<') && !IsRepetitionAt(at_)) {
    values.push_back(ReadItem());
  }
  Argument block =
      Block(token.name.empty() ? ToLower(token.text) : std::string(token.name), std::move(values));
  block.token = token.text;
  block.since = token.since;
  return block;
}

Argument SyntaxParser::Block(std::string_view name, Arguments arguments) {
  Argument block;
  block.type = Type::kBlock;
  block.name = name;
  block.arguments = std::move(arguments);
  return block;
}

// "name@since:" at the beginning of a group.
Word SyntaxParser::ReadHeader() {
  if (KindAt(at_) != 'w' || lexemes_[at_].text.back() != ':') return {};
  std::string_view text = lexemes_[at_++].text;
  text.remove_suffix(1);
  return ReadWord(text);
}

Argument SyntaxParser::ReadGroup() {
  const char open = KindAt(at_++);
  const Word header = ReadHeader();
  std::vector<Arguments> alternatives = {ReadSequence(true)};
  while (KindAt(at_) == '|') {
    ++at_;
    alternatives.push_back(ReadSequence(true));
  }
  const bool repeats = KindAt(at_) == '.';
  if (repeats) ++at_;
  if (KindAt(at_++) != (open == '[' ? ']' : '>')) sound_ = false;
  if (!sound_) return {};
  Argument group = Combine(header, std::move(alternatives));
  if (open == '[') {
    if (group.optional) group = Block({}, {std::move(group)});
    group.optional = true;
  }
  if (repeats) group.multiple = true;
  return group;
}

Argument SyntaxParser::Combine(const Word& header, std::vector<Arguments> alternatives) {
  const bool choice = alternatives.size() > 1;
  if (!choice && alternatives[0].size() == 1 && header.text.empty()) {
    return std::move(alternatives[0][0]);
  }
  Argument group;
  group.type = choice ? Type::kOneOf : Type::kBlock;
  group.since = header.since;
  group.deprecated_since = header.deprecated_since;
  if (!choice) {
    group.arguments = std::move(alternatives[0]);
  } else {
    for (Arguments& alternative : alternatives) {
      const std::string name = alternative[0].name + "-block";
      group.arguments.push_back(alternative.size() == 1 ? std::move(alternative[0])
                                                        : Block(name, std::move(alternative)));
    }
  }
  group.name = header.text;
  return group;
}

// A group without a name is called after what it holds.
void SyntaxParser::NameGroup(Argument& group) {
  if (!group.name.empty() || group.arguments.empty()) return;
  const std::string& first = group.arguments[0].name;
  if (group.type == Type::kOneOf) group.name = Lookup(kChoices, first);
  if (group.name.empty()) group.name = first + "-block";
}

}  // namespace

std::optional<std::vector<Argument>> ParseSyntax(std::string_view syntax, int key_specs) {
  return SyntaxParser(syntax, key_specs).Parse();
}

std::string_view TypeName(Argument::Type type) { return kTypeNames[static_cast<size_t>(type)]; }

}  // namespace henge::commands
