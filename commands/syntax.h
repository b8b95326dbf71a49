// SPDX-License-Identifier: Apache-2.0
// A row's syntax, read into the tree of arguments that COMMAND DOCS shows and clients draw hints
// from. The notation is that of Redis's manual:
//
//   key value [NX | XX] [GET] [EX seconds | PX milliseconds | KEEPTTL]
//
//   word                a value; what stands before it in capitals is its token
//   WORD, ~             a token alone; 'word' where a token is not in capitals
//   [a]  <a b>          optional; together
//   a | b               one of them, between brackets of either kind
//   key [key ...]       one or more of what stands before; `[key [key ...]]` any number
//   <a | b ...>         the whole repeats
//
// A token with two values or more is one block in brackets: `[LIMIT offset count]`; elsewhere, and
// where the values repeat, it is written `STREAMS <key [key ...] id [id ...]>`.
//
// What the manual leaves out follows from the words (`seconds` is an integer), or is said in place:
//
//   name=word           an argument's name where it is not the word
//   word#double         its type (of a WORD: a value after all); word#key:2 a key found by the
//                       third key spec
//   word@6.2.0          since when there is that option; word@!6.2.0 since when it is deprecated
//   [name@6.2.0: a b]   the same of a group; also of one that repeats: `key id [streams: key id
//   ...]`
//
// Pure functions; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace henge::commands {

struct Argument {
  enum class Type : uint8_t {
    kString,
    kInteger,
    kDouble,
    kKey,
    kPattern,
    kUnixTime,
    kPureToken,
    kOneOf,
    kBlock,
  };
  Type type = Type::kString;
  bool optional = false;
  bool multiple = false;
  bool multiple_token = false;  // The token comes again with each value.
  int key_spec = -1;            // Which of the row's key specs finds it.
  std::string name;
  std::string text;  // How hints show a value.
  std::string token;
  std::string since;
  std::string deprecated_since;
  std::vector<Argument> arguments;  // Of kOneOf and kBlock.
};

// The tree; nothing if the text is not in the notation. `key_specs` is how many the row has:
// without any, a word like `key` is a plain string.
std::optional<std::vector<Argument>> ParseSyntax(std::string_view syntax, int key_specs);

// The same in the manual's notation alone, for readers.
std::string SyntaxText(const std::vector<Argument>& arguments);

std::string_view TypeName(Argument::Type type);

}  // namespace henge::commands
