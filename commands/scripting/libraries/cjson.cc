// SPDX-License-Identifier: Apache-2.0
// `cjson`: Lua's values to and from JSON (RFC 8259), with the settings and the choices of the
// library that Redis has: null is the light userdata of address zero, an empty table is an object,
// infinities and NaN may be read.
#include <charconv>
#include <cmath>
#include <cstdint>
#include <limits>
#include <new>
#include <string>
#include <string_view>

#include "base/numbers.h"
#include "commands/scripting/libraries/json_reader.h"
#include "commands/scripting/libraries/libraries.h"

namespace henge::commands::scripting {
namespace {

constexpr int kMaxDigits = 14;

enum class InvalidNumbers : int { kRefuse, kWrite, kNull };

struct Settings {
  bool sparse_convert = false;
  int sparse_ratio = 2;
  int sparse_safe = 10;
  int encode_depth = 1000;
  int decode_depth = 1000;
  int digits = kMaxDigits;
  bool keep_buffer = true;  // Of no effect here.
  InvalidNumbers encode_invalid = InvalidNumbers::kRefuse;
  bool decode_invalid = true;
};

Settings& SettingsOf(lua_State* lua) {
  return *static_cast<Settings*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

// --- Encoding ---

class Encoder {
 public:
  Encoder(lua_State* lua, const Settings& settings) : lua_(lua), settings_(settings) {}
  const std::string& json() const { return json_; }

  // Writes what is on top of the stack; leaves it there.
  void Write(int depth) {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        return WriteString(-1);
      case LUA_TNUMBER:
        return WriteNumber(-1);
      case LUA_TBOOLEAN:
        json_ += lua_toboolean(lua_, -1) != 0 ? "true" : "false";
        return;
      case LUA_TTABLE:
        return WriteTable(depth + 1);
      case LUA_TNIL:
        json_ += "null";
        return;
      case LUA_TLIGHTUSERDATA:
        if (lua_touserdata(lua_, -1) == nullptr) {
          json_ += "null";
          return;
        }
        [[fallthrough]];
      default:
        Refuse(-1, "type not supported");
    }
  }

 private:
  void Refuse(int index, const char* reason) {
    luaL_error(lua_, "Cannot serialise %s: %s", luaL_typename(lua_, index), reason);
  }

  void WriteString(int index) {
    constexpr char kHex[] = "0123456789abcdef";
    size_t size = 0;
    const char* text = lua_tolstring(lua_, index, &size);
    json_.push_back('"');
    for (const char c : std::string_view(text, size)) {
      const auto byte = static_cast<unsigned char>(c);
      constexpr std::string_view kEscaped = "\"\\/\b\t\n\f\r";
      constexpr std::string_view kLetters = "\"\\/btnfr";
      const size_t escaped = byte < 0x60 ? kEscaped.find(c) : std::string_view::npos;
      if (escaped != std::string_view::npos) {
        json_.push_back('\\');
        json_.push_back(kLetters[escaped]);
      } else if (byte < 0x20 || byte == 0x7f) {
        json_ += "\\u00";
        json_.push_back(kHex[byte >> 4]);
        json_.push_back(kHex[byte & 15]);
      } else {
        json_.push_back(c);
      }
    }
    json_.push_back('"');
  }

  void WriteNumber(int index) {
    const double number = lua_tonumber(lua_, index);
    if (!std::isfinite(number) && settings_.encode_invalid != InvalidNumbers::kWrite) {
      if (settings_.encode_invalid == InvalidNumbers::kRefuse) {
        Refuse(index, "must not be NaN or Inf");
      }
      json_ += "null";
      return;
    }
    if (std::isnan(number)) {
      json_ += "nan";
      return;
    }
    char text[64];
    const auto end = std::to_chars(text, text + sizeof(text), number, std::chars_format::general,
                                   settings_.digits);
    json_.append(text, end.ptr);
  }

  void WriteTable(int depth) {
    if (depth > settings_.encode_depth || lua_checkstack(lua_, 4) == 0) {
      luaL_error(lua_, "Cannot serialise, excessive nesting (%d)", depth);
    }
    const int size = ArraySize();
    size > 0 ? WriteArray(size, depth) : WriteObject(depth);
  }

  // The largest index, where all keys are indices; else -1.
  int ArraySize() {
    double largest = 0;
    double count = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; ++count) {
      const double key = lua_type(lua_, -2) == LUA_TNUMBER ? lua_tonumber(lua_, -2) : 0;
      if (key < 1 || std::floor(key) != key) {
        lua_pop(lua_, 2);
        return -1;
      }
      largest = std::max(largest, key);
      lua_pop(lua_, 1);
    }
    const bool sparse = settings_.sparse_ratio > 0 && largest > count * settings_.sparse_ratio &&
                        largest > settings_.sparse_safe;
    if (sparse && !settings_.sparse_convert) Refuse(-1, "excessively sparse array");
    if (sparse || largest > std::numeric_limits<int>::max()) return -1;
    return static_cast<int>(largest);
  }

  void WriteArray(int size, int depth) {
    json_.push_back('[');
    for (int i = 1; i <= size; ++i) {
      if (i > 1) json_.push_back(',');
      lua_rawgeti(lua_, -1, i);
      Write(depth);
      lua_pop(lua_, 1);
    }
    json_.push_back(']');
  }

  void WriteObject(int depth) {
    json_.push_back('{');
    bool first = true;
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      if (!first) json_.push_back(',');
      first = false;
      if (lua_type(lua_, -2) == LUA_TSTRING) {
        WriteString(-2);
      } else if (lua_type(lua_, -2) == LUA_TNUMBER) {
        json_.push_back('"');
        WriteNumber(-2);
        json_.push_back('"');
      } else {
        Refuse(-2, "table key must be a number or string");
      }
      json_.push_back(':');
      Write(depth);
      lua_pop(lua_, 1);
    }
    json_.push_back('}');
  }

  lua_State* lua_;
  const Settings& settings_;
  std::string json_;
};

int Encode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  Encoder encoder(lua, SettingsOf(lua));
  encoder.Write(0);
  lua_pushlstring(lua, encoder.json().data(), encoder.json().size());
  return 1;
}

int Decode(lua_State* lua) {
  luaL_argcheck(lua, lua_gettop(lua) == 1, 1, "expected 1 argument");
  size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  const Settings& settings = SettingsOf(lua);
  JsonReader reader(lua, {text, size}, settings.decode_depth, settings.decode_invalid);
  reader.Read();
  return 1;
}

// --- Settings ---

// All of these return the setting, changed where an argument is given.
void TakeArguments(lua_State* lua, int count) {
  luaL_argcheck(lua, lua_gettop(lua) <= count, count + 1, "found too many arguments");
  lua_settop(lua, count);
}

void Integer(lua_State* lua, int index, int& setting, int low, int high) {
  if (!lua_isnil(lua, index)) {
    const lua_Integer value = luaL_checkinteger(lua, index);
    if (value < low || value > high) {
      luaL_argerror(lua, 1, lua_pushfstring(lua, "expected integer between %d and %d", low, high));
    }
    setting = static_cast<int>(value);
  }
  lua_pushinteger(lua, setting);
}

void Boolean(lua_State* lua, int index, bool& setting) {
  static const char* const kOptions[] = {"off", "on", nullptr};
  if (lua_isboolean(lua, index)) {
    setting = lua_toboolean(lua, index) != 0;
  } else if (!lua_isnil(lua, index)) {
    setting = luaL_checkoption(lua, index, nullptr, kOptions) != 0;
  }
  lua_pushboolean(lua, setting ? 1 : 0);
}

int SparseArray(lua_State* lua) {
  TakeArguments(lua, 3);
  constexpr int kMax = std::numeric_limits<int>::max();
  Settings& settings = SettingsOf(lua);
  Boolean(lua, 1, settings.sparse_convert);
  Integer(lua, 2, settings.sparse_ratio, 0, kMax);
  Integer(lua, 3, settings.sparse_safe, 0, kMax);
  return 3;
}

template <int Settings::* Member, int High>
int SetInteger(lua_State* lua) {
  TakeArguments(lua, 1);
  Integer(lua, 1, SettingsOf(lua).*Member, 1, High);
  return 1;
}

template <bool Settings::* Member>
int SetBoolean(lua_State* lua) {
  TakeArguments(lua, 1);
  Boolean(lua, 1, SettingsOf(lua).*Member);
  return 1;
}

int EncodeInvalidNumbers(lua_State* lua) {
  static const char* const kOptions[] = {"off", "on", "null", nullptr};
  TakeArguments(lua, 1);
  InvalidNumbers& setting = SettingsOf(lua).encode_invalid;
  if (lua_isboolean(lua, 1)) {
    setting = lua_toboolean(lua, 1) != 0 ? InvalidNumbers::kWrite : InvalidNumbers::kRefuse;
  } else if (!lua_isnil(lua, 1)) {
    setting = static_cast<InvalidNumbers>(luaL_checkoption(lua, 1, nullptr, kOptions));
  }
  if (setting == InvalidNumbers::kNull) {
    lua_pushliteral(lua, "null");
  } else {
    lua_pushboolean(lua, setting == InvalidNumbers::kWrite ? 1 : 0);
  }
  return 1;
}

// The decoder recurs on the thread's stack, a few hundred bytes for each level.
constexpr int kMaxDepth = 8000;
constexpr int kNoLimit = std::numeric_limits<int>::max();
constexpr luaL_Reg kFunctions[] = {
    {"encode", Encode},
    {"decode", Decode},
    {"encode_sparse_array", SparseArray},
    {"encode_max_depth", SetInteger<&Settings::encode_depth, kNoLimit>},
    {"decode_max_depth", SetInteger<&Settings::decode_depth, kNoLimit>},
    {"encode_number_precision", SetInteger<&Settings::digits, kMaxDigits>},
    {"encode_keep_buffer", SetBoolean<&Settings::keep_buffer>},
    {"encode_invalid_numbers", EncodeInvalidNumbers},
    {"decode_invalid_numbers", SetBoolean<&Settings::decode_invalid>},
    {"new", OpenCjson},
    {nullptr, nullptr},
};
static_assert(LUAI_MAXCSTACK <= kMaxDepth, "Lua's stack bounds the nesting");

}  // namespace

int OpenCjson(lua_State* lua) {
  new (lua_newuserdata(lua, sizeof(Settings))) Settings;
  PushFunctions(lua, kFunctions, 1);
  lua_pushlightuserdata(lua, nullptr);
  lua_setfield(lua, -2, "null");
  lua_pushliteral(lua, "cjson");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "2.1.0");
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}

}  // namespace henge::commands::scripting
