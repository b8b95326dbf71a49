// SPDX-License-Identifier: Apache-2.0
// `struct`: values to and from the bytes of C structures.
//
//   > < ![n]   big endian, little endian, alignment
//   x b B h H l L T i[n] I[n] f d   padding, integers by size, floats
//   c[n] s   bytes of a length (c0: the whole string; read: the number just read), up to a zero
#include <algorithm>
#include <bit>
#include <cctype>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "commands/scripting/libraries/libraries.h"

namespace henge::commands::scripting {
namespace {

constexpr int kMaxInteger = 32;   // Bytes.
constexpr int kMaxAlignment = 8;  // Of a double in a structure.
constexpr size_t kMaxSize = size_t{1} << 30;

bool IsDigit(char c) { return c >= '0' && c <= '9'; }
bool IsInteger(char option) {
  return option != '\0' && std::string_view("bBhHlLTiI").find(option) != std::string_view::npos;
}

// Reads a format, option by option.
class Format {
 public:
  Format(lua_State* lua, const char* text) : lua_(lua), next_(text) {}

  bool done() const { return *next_ == '\0'; }
  bool big_endian() const { return big_endian_; }
  size_t padding() const { return padding_; }

  struct Option {
    char letter;
    size_t size;
  };
  // The next option and its size; padding() goes before it at `position`.
  Option Next(size_t position) {
    const char letter = *next_++;
    const size_t size = SizeOf(letter);
    padding_ = PaddingAt(position, letter, size);
    return {letter, size};
  }
  // An option that stands for no value.
  void Control(char letter) {
    if (letter == ' ') return;
    if (letter == '>' || letter == '<') {
      big_endian_ = letter == '>';
    } else if (letter == '!') {
      const int alignment = Number(kMaxAlignment);
      if (alignment <= 0 || !std::has_single_bit(static_cast<unsigned>(alignment))) {
        luaL_error(lua_, "alignment %d is not a power of 2", alignment);
      }
      alignment_ = static_cast<size_t>(alignment);
    } else {
      luaL_argerror(lua_, 1, lua_pushfstring(lua_, "invalid format option '%c'", letter));
    }
  }

 private:
  int Number(int otherwise) {
    if (!IsDigit(*next_)) return otherwise;
    int64_t number = 0;
    while (IsDigit(*next_)) {
      number = number * 10 + (*next_++ - '0');
      if (number > std::numeric_limits<int>::max()) luaL_error(lua_, "integral size overflow");
    }
    return static_cast<int>(number);
  }

  size_t SizeOf(char letter) {
    switch (letter) {
      case 'b':
      case 'B':
      case 'x':
        return 1;
      case 'h':
      case 'H':
        return sizeof(short);
      case 'l':
      case 'L':
      case 'T':
      case 'd':
        return 8;
      case 'f':
        return 4;
      case 'c':
        return static_cast<size_t>(Number(1));
      case 'i':
      case 'I': {
        const int size = Number(sizeof(int));
        if (size > kMaxInteger) {
          luaL_error(lua_, "integral size %d is larger than limit of %d", size, kMaxInteger);
        }
        return static_cast<size_t>(size);
      }
      default:
        return 0;
    }
  }

  size_t PaddingAt(size_t position, char letter, size_t size) const {
    if (size == 0 || letter == 'c') return 0;
    const size_t to = std::min(size, alignment_);
    return (to - (position & (to - 1))) & (to - 1);
  }

  lua_State* lua_;
  const char* next_;
  bool big_endian_ = false;
  size_t alignment_ = 1;
  size_t padding_ = 0;
};

// --- To bytes ---

void AppendInteger(lua_State* lua, int arg, bool big_endian, size_t size, std::string& out) {
  const lua_Number number = luaL_checknumber(lua, arg);
  constexpr lua_Number kLimit = 9223372036854775808.0;  // 2^63
  uint64_t value = 0;
  if (number < 0) {
    value = static_cast<uint64_t>(number >= -kLimit ? static_cast<int64_t>(number)
                                                    : std::numeric_limits<int64_t>::min());
  } else if (number < 2 * kLimit) {
    value = static_cast<uint64_t>(number);
  }
  char bytes[kMaxInteger];
  for (size_t i = 0; i < size; ++i) {
    bytes[big_endian ? size - 1 - i : i] = static_cast<char>(value & 0xff);
    value >>= 8;
  }
  out.append(bytes, size);
}

template <class T>
void AppendFloat(T value, bool big_endian, std::string& out) {
  char bytes[sizeof(T)];
  std::memcpy(bytes, &value, sizeof(T));
  if (big_endian) std::reverse(bytes, bytes + sizeof(T));
  out.append(bytes, sizeof(T));
}

void AppendString(lua_State* lua, int arg, Format::Option option, std::string& out) {
  size_t length = 0;
  const char* text = luaL_checklstring(lua, arg, &length);
  const size_t size = option.size == 0 ? length : option.size;
  luaL_argcheck(lua, length >= size, arg + 1, "string too short");
  out.append(text, size);
  if (option.letter == 's') out.push_back('\0');
}

int Pack(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  int arg = 2;
  std::string out;
  while (!format.done()) {
    const Format::Option option = format.Next(out.size());
    out.append(format.padding(), '\0');
    if (IsInteger(option.letter)) {
      AppendInteger(lua, arg++, format.big_endian(), option.size, out);
    } else if (option.letter == 'x') {
      out.push_back('\0');
    } else if (option.letter == 'f') {
      AppendFloat(static_cast<float>(luaL_checknumber(lua, arg++)), format.big_endian(), out);
    } else if (option.letter == 'd') {
      AppendFloat(luaL_checknumber(lua, arg++), format.big_endian(), out);
    } else if (option.letter == 'c' || option.letter == 's') {
      AppendString(lua, arg++, option, out);
    } else {
      format.Control(option.letter);
    }
    if (out.size() > kMaxSize) luaL_error(lua, "not enough memory");
  }
  lua_pushlstring(lua, out.data(), out.size());
  return 1;
}

// --- From bytes ---

lua_Number ReadInteger(std::string_view bytes, bool big_endian, bool is_signed) {
  uint64_t value = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    const size_t at = big_endian ? i : bytes.size() - 1 - i;
    value = value << 8 | static_cast<uint8_t>(bytes[at]);
  }
  if (!is_signed) return static_cast<lua_Number>(value);
  if (!bytes.empty() && bytes.size() < sizeof(value)) {
    const uint64_t sign = ~uint64_t{0} << (bytes.size() * 8 - 1);
    if ((value & sign) != 0) value |= sign;
  }
  return static_cast<lua_Number>(static_cast<int64_t>(value));
}

template <class T>
lua_Number ReadFloat(std::string_view bytes, bool big_endian) {
  char ordered[sizeof(T)];
  std::memcpy(ordered, bytes.data(), sizeof(T));
  if (big_endian) std::reverse(ordered, ordered + sizeof(T));
  T value;
  std::memcpy(&value, ordered, sizeof(T));
  return static_cast<lua_Number>(value);
}

// One call of unpack.
class Reader {
 public:
  Reader(lua_State* lua, std::string_view data, size_t position)
      : lua_(lua), data_(data), position_(position) {}

  int Read(Format& format) {
    while (!format.done()) {
      const Format::Option option = format.Next(position_);
      position_ += format.padding();
      Need(option.size);
      luaL_checkstack(lua_, 2, "too many results");
      position_ += Push(format, option);
    }
    lua_pushinteger(lua_, static_cast<lua_Integer>(position_ + 1));
    return results_ + 1;
  }

 private:
  void Need(size_t size) const {
    const bool there = size <= data_.size() && position_ <= data_.size() - size;
    luaL_argcheck(lua_, there, 2, "data string too short");
  }
  void PushNumber(lua_Number number) {
    lua_pushnumber(lua_, number);
    ++results_;
  }
  void PushString(std::string_view text) {
    lua_pushlstring(lua_, text.data(), text.size());
    ++results_;
  }

  // Returns how many bytes were read.
  size_t Push(Format& format, Format::Option option) {
    const std::string_view bytes = data_.substr(position_, option.size);
    if (IsInteger(option.letter)) {
      PushNumber(
          ReadInteger(bytes, format.big_endian(), option.letter >= 'a' && option.letter <= 'z'));
    } else if (option.letter == 'f') {
      PushNumber(ReadFloat<float>(bytes, format.big_endian()));
    } else if (option.letter == 'd') {
      PushNumber(ReadFloat<double>(bytes, format.big_endian()));
    } else if (option.letter == 'c') {
      return PushCounted(option.size);
    } else if (option.letter == 's') {
      const std::string_view rest = data_.substr(position_);
      const size_t end = rest.find('\0');
      if (end == std::string_view::npos) luaL_error(lua_, "unfinished string in data");
      PushString(rest.substr(0, end));
      return end + 1;
    } else if (option.letter != 'x') {
      format.Control(option.letter);
    }
    return option.size;
  }

  size_t PushCounted(size_t size) {
    if (size == 0) {
      if (results_ == 0 || lua_isnumber(lua_, -1) == 0) {
        luaL_error(lua_, "format 'c0' needs a previous size");
      }
      const lua_Number number = lua_tonumber(lua_, -1);
      const bool fits = number >= 0 && number <= static_cast<lua_Number>(data_.size());
      luaL_argcheck(lua_, fits, 2, "data string too short");
      size = static_cast<size_t>(number);
      lua_pop(lua_, 1);
      --results_;
      Need(size);
    }
    PushString(data_.substr(position_, size));
    return size;
  }

  lua_State* lua_;
  std::string_view data_;
  size_t position_;
  int results_ = 0;
};

int Unpack(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  size_t size = 0;
  const char* data = luaL_checklstring(lua, 2, &size);
  const lua_Integer first = luaL_optinteger(lua, 3, 1);
  luaL_argcheck(lua, first > 0, 3, "offset must be 1 or greater");
  return Reader(lua, {data, size}, static_cast<size_t>(first) - 1).Read(format);
}

int Size(lua_State* lua) {
  Format format(lua, luaL_checkstring(lua, 1));
  size_t position = 0;
  while (!format.done()) {
    const Format::Option option = format.Next(position);
    position += format.padding() + option.size;
    if (option.letter == 's') luaL_argerror(lua, 1, "option 's' has no fixed size");
    if (option.letter == 'c' && option.size == 0) {
      luaL_argerror(lua, 1, "option 'c0' has no fixed size");
    }
    if (std::isalnum(static_cast<unsigned char>(option.letter)) == 0) format.Control(option.letter);
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(position));
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"pack", Pack}, {"unpack", Unpack}, {"size", Size}, {nullptr, nullptr}};

}  // namespace

int OpenStruct(lua_State* lua) {
  PushFunctions(lua, kFunctions);
  return 1;
}

}  // namespace henge::commands::scripting
