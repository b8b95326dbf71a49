// SPDX-License-Identifier: Apache-2.0
// `cmsgpack`: Lua's values to and from MessagePack (https://msgpack.org), with the choices of the
// library that Redis has: tables with keys 1 … n are arrays, nesting below 16 is packed as nil.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>

#include "commands/scripting/libraries/libraries.h"

namespace henge::commands::scripting {
namespace {

constexpr int kMaxNesting = 16;
constexpr double kTwo63 = 9223372036854775808.0;

bool IsInt64(double number) {
  return number >= -kTwo63 && number < kTwo63 && std::trunc(number) == number;
}

// --- Packing ---

class Packer {
 public:
  explicit Packer(lua_State* lua) : lua_(lua) {}
  const std::string& bytes() const { return bytes_; }

  // Packs what is on top of the stack, and takes it away.
  void Pack(int level) {
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING: {
        size_t size = 0;
        const char* text = lua_tolstring(lua_, -1, &size);
        PackString({text, size});
        break;
      }
      case LUA_TBOOLEAN:
        Byte(lua_toboolean(lua_, -1) != 0 ? 0xc3 : 0xc2);
        break;
      case LUA_TNUMBER:
        PackNumber(lua_tonumber(lua_, -1));
        break;
      case LUA_TTABLE:
        if (level >= kMaxNesting) {
          Byte(0xc0);
        } else {
          IsArray() ? PackArray(level) : PackMap(level);
        }
        break;
      default:
        Byte(0xc0);
        break;
    }
    lua_pop(lua_, 1);
  }

 private:
  void Byte(int byte) { bytes_.push_back(static_cast<char>(byte)); }
  void BigEndian(uint64_t value, int size) {
    while (size-- > 0) Byte(static_cast<int>(value >> (8 * size) & 0xff));
  }
  // A size behind the code of its kind: in the code itself, or 1, 2 or 4 bytes.
  void Head(size_t size, int fix, size_t fix_limit, int code8, int code16) {
    if (size < fix_limit) return Byte(fix | static_cast<int>(size));
    if (code8 != 0 && size <= 0xff) {
      Byte(code8);
      return BigEndian(size, 1);
    }
    Byte(size <= 0xffff ? code16 : code16 + 1);
    BigEndian(size, size <= 0xffff ? 2 : 4);
  }

  void PackString(std::string_view text) {
    Head(text.size(), 0xa0, 32, 0xd9, 0xda);
    bytes_.append(text);
  }

  void PackNumber(double number) {
    if (IsInt64(number)) return PackInteger(static_cast<int64_t>(number));
    const auto single = static_cast<float>(number);
    if (static_cast<double>(single) == number) {
      Byte(0xca);
      BigEndian(std::bit_cast<uint32_t>(single), 4);
    } else {
      Byte(0xcb);
      BigEndian(std::bit_cast<uint64_t>(number), 8);
    }
  }

  void PackInteger(int64_t n) {
    const auto bits = static_cast<uint64_t>(n);
    if (n >= -32 && n <= 127) return Byte(static_cast<int>(bits & 0xff));
    // Unsigned codes begin at 0xcc, signed ones at 0xd0; each doubles the size.
    const int power = n >= 0 ? (bits <= 0xff         ? 0
                                : bits <= 0xffff     ? 1
                                : bits <= 0xffffffff ? 2
                                                     : 3)
                             : (n >= -128            ? 0
                                : n >= -32768        ? 1
                                : n >= -2147483648LL ? 2
                                                     : 3);
    Byte((n >= 0 ? 0xcc : 0xd0) + power);
    BigEndian(bits, 1 << power);
  }

  // Whether the keys are 1 … n, without a hole.
  bool IsArray() {
    luaL_checkstack(lua_, 4, "in function table_is_an_array");
    double largest = 0;
    double count = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; ++count) {
      lua_pop(lua_, 1);
      const double key = lua_type(lua_, -1) == LUA_TNUMBER ? lua_tonumber(lua_, -1) : 0;
      const bool index =
          key > 0 && key <= std::numeric_limits<int>::max() && std::trunc(key) == key;
      if (!index) {
        lua_pop(lua_, 1);
        return false;
      }
      largest = std::max(largest, key);
    }
    return largest == count;
  }

  void PackArray(int level) {
    const size_t size = lua_objlen(lua_, -1);
    Head(size, 0x90, 16, 0, 0xdc);
    for (size_t i = 1; i <= size; ++i) {
      lua_pushnumber(lua_, static_cast<lua_Number>(i));
      lua_gettable(lua_, -2);
      Pack(level + 1);
    }
  }

  void PackMap(int level) {
    size_t size = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; ++size) lua_pop(lua_, 1);
    Head(size, 0x80, 16, 0, 0xde);
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pushvalue(lua_, -2);  // key, value, key
      Pack(level + 1);
      Pack(level + 1);
    }
  }

  lua_State* lua_;
  std::string bytes_;
};

int Pack(lua_State* lua) {
  const int count = lua_gettop(lua);
  if (count == 0) return luaL_argerror(lua, 0, "MessagePack pack needs input.");
  if (lua_checkstack(lua, 1) == 0) {
    return luaL_argerror(lua, 0, "Too many arguments for MessagePack pack.");
  }
  Packer packer(lua);
  for (int i = 1; i <= count; ++i) {
    lua_pushvalue(lua, i);
    packer.Pack(0);
  }
  lua_pushlstring(lua, packer.bytes().data(), packer.bytes().size());
  return 1;
}

// --- Unpacking ---

class Unpacker {
 public:
  Unpacker(lua_State* lua, std::string_view bytes) : lua_(lua), rest_(bytes) {}
  size_t left() const { return rest_.size(); }

  // Pushes the next value.
  void Push() {
    luaL_checkstack(lua_, 1,
                    "too many return values at once; use unpack_one or unpack_limit instead.");
    const auto code = static_cast<uint8_t>(Take(1)[0]);
    if (code < 0x80) return lua_pushinteger(lua_, code);
    if (code < 0x90) return PushMap(code & 0x0f);
    if (code < 0xa0) return PushArray(code & 0x0f);
    if (code < 0xc0) return PushString(code & 0x1f);
    if (code >= 0xe0) return lua_pushinteger(lua_, static_cast<int8_t>(code));
    PushCoded(code);
  }

 private:
  std::string_view Take(size_t size) {
    if (rest_.size() < size) luaL_error(lua_, "Missing bytes in input.");
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }
  uint64_t Unsigned(size_t size) {
    uint64_t value = 0;
    for (const char byte : Take(size)) value = value << 8 | static_cast<uint8_t>(byte);
    return value;
  }
  void PushString(size_t size) {
    const std::string_view text = Take(size);
    lua_pushlstring(lua_, text.data(), text.size());
  }

  void PushCoded(uint8_t code) {
    switch (code) {
      case 0xc0:
        return lua_pushnil(lua_);
      case 0xc2:
      case 0xc3:
        return lua_pushboolean(lua_, code == 0xc3);
      case 0xca:
        return lua_pushnumber(lua_, std::bit_cast<float>(static_cast<uint32_t>(Unsigned(4))));
      case 0xcb:
        return lua_pushnumber(lua_, std::bit_cast<double>(Unsigned(8)));
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        // 64 bits are taken for signed ones, as Redis's library does.
        return lua_pushnumber(
            lua_,
            static_cast<lua_Number>(static_cast<int64_t>(Unsigned(size_t{1} << (code - 0xcc)))));
      case 0xd0:
      case 0xd1:
      case 0xd2:
      case 0xd3: {
        const int bits = 8 << (code - 0xd0);
        const uint64_t value = Unsigned(static_cast<size_t>(bits) / 8) << (64 - bits);
        return lua_pushnumber(lua_,
                              static_cast<lua_Number>(static_cast<int64_t>(value) >> (64 - bits)));
      }
      case 0xd9:
      case 0xda:
      case 0xdb:
        return PushString(Unsigned(size_t{1} << (code - 0xd9)));
      case 0xdc:
      case 0xdd:
        return PushArray(Unsigned(code == 0xdc ? 2 : 4));
      case 0xde:
      case 0xdf:
        return PushMap(Unsigned(code == 0xde ? 2 : 4));
      default:
        luaL_error(lua_, "Bad data format in input.");
    }
  }

  void PushArray(size_t size) {
    luaL_checkstack(lua_, 2, "in function mp_decode_to_lua_array");
    lua_newtable(lua_);
    for (size_t i = 1; i <= size; ++i) {
      Push();
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
  }

  void PushMap(size_t size) {
    luaL_checkstack(lua_, 3, "in function mp_decode_to_lua_hash");
    lua_newtable(lua_);
    for (size_t i = 0; i < size; ++i) {
      Push();
      Push();
      // No table has a key of nil or NaN: an error, as for any assignment.
      lua_settable(lua_, -3);
    }
  }

  lua_State* lua_;
  std::string_view rest_;
};

// Up to `limit` values from `offset` on; with either, the next offset (-1: none) comes first.
int UnpackFrom(lua_State* lua, lua_Integer limit, lua_Integer offset) {
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, 1, &size);
  if (offset < 0 || limit < 0) {
    return luaL_error(lua, "Invalid request to unpack with offset of %d and limit of %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  if (static_cast<size_t>(offset) > size) {
    return luaL_error(lua, "Start offset %d greater than input length %d.",
                      static_cast<int>(offset), static_cast<int>(size));
  }
  const bool all = limit == 0 && offset == 0;
  Unpacker unpacker(lua, {bytes + offset, size - static_cast<size_t>(offset)});
  int count = 0;
  for (; unpacker.left() > 0 && (all || count < limit); ++count) unpacker.Push();
  if (all) return count;
  luaL_checkstack(lua, 1, "in function mp_unpack_full");
  const bool ended = unpacker.left() == 0;
  lua_pushinteger(lua, ended ? -1 : static_cast<lua_Integer>(size - unpacker.left()));
  lua_insert(lua, 2);
  return count + 1;
}

int Unpack(lua_State* lua) { return UnpackFrom(lua, 0, 0); }

int UnpackOne(lua_State* lua) {
  const lua_Integer offset = luaL_optinteger(lua, 2, 0);
  lua_settop(lua, 1);
  return UnpackFrom(lua, 1, offset);
}

int UnpackLimit(lua_State* lua) {
  const lua_Integer limit = luaL_checkinteger(lua, 2);
  const lua_Integer offset = luaL_optinteger(lua, 3, 0);
  lua_settop(lua, 1);
  return UnpackFrom(lua, limit, offset);
}

constexpr luaL_Reg kFunctions[] = {{"pack", Pack},
                                   {"unpack", Unpack},
                                   {"unpack_one", UnpackOne},
                                   {"unpack_limit", UnpackLimit},
                                   {nullptr, nullptr}};

}  // namespace

int OpenCmsgpack(lua_State* lua) {
  PushFunctions(lua, kFunctions);
  lua_pushliteral(lua, "cmsgpack");
  lua_setfield(lua, -2, "_NAME");
  lua_pushliteral(lua, "lua-cmsgpack 0.4.0");
  lua_setfield(lua, -2, "_VERSION");
  return 1;
}

}  // namespace henge::commands::scripting
