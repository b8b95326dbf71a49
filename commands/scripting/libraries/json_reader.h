// SPDX-License-Identifier: Apache-2.0
// JsonReader: from JSON text to Lua's values, one text. What is wrong is raised as an error that
// names what was expected, what was found, and where.
//
// Every look at the text is within its bounds; a byte behind its end reads as NUL, which ends it.
#pragma once

#include <lua.hpp>
#include <string>
#include <string_view>

namespace henge::commands::scripting {

class JsonReader {
 public:
  // `lenient`: numbers may also be hexadecimal, infinite, NaN, or begin with a sign or zeros.
  JsonReader(lua_State* lua, std::string_view text, int max_depth, bool lenient)
      : lua_(lua), text_(text), max_depth_(max_depth), lenient_(lenient) {}

  // Pushes the text's value.
  void Read();

 private:
  enum class Kind : uint8_t {
    kObjectBegin,
    kObjectEnd,
    kArrayBegin,
    kArrayEnd,
    kString,
    kNumber,
    kBoolean,
    kNull,
    kColon,
    kComma,
    kEnd,
    kError,
  };
  struct Token {
    Kind kind = Kind::kEnd;
    size_t at = 0;
    double number = 0;
    bool truth = false;
    const char* error = nullptr;
  };

  char At(size_t position) const { return position < text_.size() ? text_[position] : '\0'; }
  bool Follows(std::string_view word) const { return text_.substr(at_).starts_with(word); }
  Token Next();
  Token Error(const char* what) const;
  Token String();
  Token Number(size_t begin);
  bool UnicodeEscape();
  int Hex4(size_t position) const;
  bool StrictlyInvalid() const;

  void Value(const Token& token);
  void Object();
  void Array();
  void Descend();
  void Unexpected(const char* expected, const Token& found);

  lua_State* lua_;
  std::string_view text_;
  int max_depth_;
  bool lenient_;
  size_t at_ = 0;
  int depth_ = 0;
  std::string string_;  // Of the last string token.
};

}  // namespace henge::commands::scripting
