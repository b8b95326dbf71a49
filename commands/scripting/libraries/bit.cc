// SPDX-License-Identifier: Apache-2.0
// `bit`: numbers as 32 bits, results signed.
#include <bit>
#include <cmath>
#include <cstdint>
#include <ctime>

#include "commands/scripting/libraries/libraries.h"

namespace henge::commands::scripting {
namespace {

// The number modulo 2^32, halves rounded to even. What is too large to be exact keeps the low half
// of what the addition leaves, as the library that everybody uses has it.
uint32_t Bits(lua_State* lua, int index) {
  constexpr double kMagic = 6755399441055744.0;  // 2^52 + 2^51
  const double shifted = lua_tonumber(lua, index) + kMagic;
  const auto bits = static_cast<uint32_t>(std::bit_cast<uint64_t>(shifted));
  if (bits == 0 && lua_isnumber(lua, index) == 0) luaL_typerror(lua, index, "number");
  return bits;
}

int Give(lua_State* lua, uint32_t bits) {
  lua_pushnumber(lua, static_cast<int32_t>(bits));
  return 1;
}

int ToBit(lua_State* lua) { return Give(lua, Bits(lua, 1)); }
int Not(lua_State* lua) { return Give(lua, ~Bits(lua, 1)); }

template <class F>
int Fold(lua_State* lua, F combine) {
  uint32_t bits = Bits(lua, 1);
  for (int i = lua_gettop(lua); i > 1; --i) bits = combine(bits, Bits(lua, i));
  return Give(lua, bits);
}
int And(lua_State* lua) {
  return Fold(lua, [](uint32_t a, uint32_t b) { return a & b; });
}
int Or(lua_State* lua) {
  return Fold(lua, [](uint32_t a, uint32_t b) { return a | b; });
}
int Xor(lua_State* lua) {
  return Fold(lua, [](uint32_t a, uint32_t b) { return a ^ b; });
}

template <class F>
int Shift(lua_State* lua, F shift) {
  const uint32_t bits = Bits(lua, 1);
  return Give(lua, shift(bits, static_cast<int>(Bits(lua, 2) & 31)));
}
int LeftShift(lua_State* lua) {
  return Shift(lua, [](uint32_t bits, int n) { return bits << n; });
}
int RightShift(lua_State* lua) {
  return Shift(lua, [](uint32_t bits, int n) { return bits >> n; });
}
int ArithmeticShift(lua_State* lua) {
  return Shift(lua, [](uint32_t bits, int n) {
    return static_cast<uint32_t>(static_cast<int32_t>(bits) >> n);
  });
}
int RotateLeft(lua_State* lua) {
  return Shift(lua, [](uint32_t bits, int n) { return std::rotl(bits, n); });
}
int RotateRight(lua_State* lua) {
  return Shift(lua, [](uint32_t bits, int n) { return std::rotr(bits, n); });
}
int SwapBytes(lua_State* lua) { return Give(lua, __builtin_bswap32(Bits(lua, 1))); }

int ToHex(lua_State* lua) {
  constexpr int64_t kDigits = 8;
  uint32_t bits = Bits(lua, 1);
  int64_t count = lua_isnone(lua, 2) ? kDigits : static_cast<int32_t>(Bits(lua, 2));
  const char* digits = count < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
  if (count < 0) count = -count;
  if (count > kDigits) count = kDigits;
  char text[kDigits];
  for (int64_t i = count; i-- > 0; bits >>= 4) text[i] = digits[bits & 15];
  lua_pushlstring(lua, text, static_cast<size_t>(count));
  return 1;
}

constexpr luaL_Reg kFunctions[] = {
    {"tobit", ToBit},       {"bnot", Not},
    {"band", And},          {"bor", Or},
    {"bxor", Xor},          {"lshift", LeftShift},
    {"rshift", RightShift}, {"arshift", ArithmeticShift},
    {"rol", RotateLeft},    {"ror", RotateRight},
    {"bswap", SwapBytes},   {"tohex", ToHex},
    {nullptr, nullptr},
};

int ProcessorTime(lua_State* lua) {
  lua_pushnumber(lua, static_cast<lua_Number>(std::clock()) / CLOCKS_PER_SEC);
  return 1;
}
constexpr luaL_Reg kOsFunctions[] = {{"clock", ProcessorTime}, {nullptr, nullptr}};

}  // namespace

int OpenBit(lua_State* lua) {
  PushFunctions(lua, kFunctions);
  return 1;
}

int OpenOs(lua_State* lua) {
  PushFunctions(lua, kOsFunctions);
  return 1;
}

void PushFunctions(lua_State* lua, const luaL_Reg* functions, int upvalues) {
  lua_newtable(lua);
  lua_insert(lua, -1 - upvalues);
  for (; functions->name != nullptr; ++functions) {
    for (int i = 0; i < upvalues; ++i) lua_pushvalue(lua, -upvalues);
    lua_pushcclosure(lua, functions->func, upvalues);
    lua_setfield(lua, -2 - upvalues, functions->name);
  }
  lua_pop(lua, upvalues);
}

}  // namespace henge::commands::scripting
