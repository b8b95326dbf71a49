// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/guarded_functions.h"

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string>

#include "base/random.h"
#include "commands/scripting/read_only.h"
#include "commands/scripting/sandbox.h"

namespace henge::commands::scripting {
namespace {

// Matching recurs once for each item of a pattern, on the thread's stack.
constexpr size_t kMaxPattern = 8192;
constexpr size_t kMaxText = size_t{512} << 20;

int CallGuarded(lua_State* lua) { return lua_tocfunction(lua, lua_upvalueindex(1))(lua); }

// --- What would see through read-only tables ---

int Next(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 2);
  LookBehind(lua, 1);
  if (lua_next(lua, 1) != 0) return 2;
  lua_pushnil(lua);
  return 1;
}

int Pairs(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_pushvalue(lua, lua_upvalueindex(1));  // next
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

int RawGet(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  luaL_checkany(lua, 2);
  lua_settop(lua, 2);
  LookBehind(lua, 1);
  lua_rawget(lua, 1);
  return 1;
}

int Changing(lua_State* lua) {
  RefuseReadOnly(lua, 1);
  return CallGuarded(lua);
}

// A position far before the list would be moved to, one step at a time.
int Insert(lua_State* lua) {
  RefuseReadOnly(lua, 1);
  if (lua_gettop(lua) == 3 && luaL_checknumber(lua, 2) < -1e6) {
    return luaL_argerror(lua, 2, "position out of bounds");
  }
  return CallGuarded(lua);
}

// --- Environments: those of Lua functions only, and never the globals themselves ---

// Pushes the Lua function that the first argument means; false if it is none.
bool PushLuaFunction(lua_State* lua, bool level_optional) {
  if (lua_isfunction(lua, 1)) {
    lua_pushvalue(lua, 1);
  } else {
    lua_Debug info;
    const auto level = level_optional ? luaL_optinteger(lua, 1, 1) : luaL_checkinteger(lua, 1);
    luaL_argcheck(lua, level >= 0, 1, "level must be non-negative");
    if (level == 0) return false;
    const bool exists = level < std::numeric_limits<int>::max() &&
                        lua_getstack(lua, static_cast<int>(level), &info) != 0;
    luaL_argcheck(lua, exists, 1, "invalid level");
    lua_getinfo(lua, "f", &info);
    if (lua_isnil(lua, -1))
      luaL_error(lua, "no function environment for tail call at level %d", static_cast<int>(level));
  }
  return lua_iscfunction(lua, -1) == 0;
}

int GetFenv(lua_State* lua) {
  if (PushLuaFunction(lua, true)) {
    lua_getfenv(lua, -1);
  } else {
    lua_pushvalue(lua, LUA_GLOBALSINDEX);  // The face.
  }
  return 1;
}

int SetFenv(lua_State* lua) {
  luaL_checktype(lua, 2, LUA_TTABLE);
  if (!PushLuaFunction(lua, false)) {
    return luaL_error(lua, "'setfenv' cannot change environment of given object");
  }
  lua_pushvalue(lua, 2);
  lua_setfenv(lua, -2);
  return 1;
}

// --- Loading ---

int Loaded(lua_State* lua, int status) {
  if (status == 0) return 1;
  lua_pushnil(lua);
  lua_insert(lua, -2);
  return 2;
}

int LoadString(lua_State* lua) {
  size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  const char* name = luaL_optstring(lua, 2, text);
  luaL_argcheck(lua, size <= kMaxText, 1, "chunk is too long");
  return Loaded(lua, LoadText(lua, text, size, name));
}

// The pieces are gathered first, so that no script runs while the parser does.
int Load(lua_State* lua) {
  const char* name = luaL_optstring(lua, 2, "=(load)");
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  std::string text;
  for (;;) {
    lua_pushvalue(lua, 1);
    if (lua_pcall(lua, 0, 1, 0) != 0) return Loaded(lua, LUA_ERRRUN);
    if (lua_isnil(lua, -1)) break;
    size_t size = 0;
    const char* piece = lua_tolstring(lua, -1, &size);
    if (piece == nullptr || text.size() + size > kMaxText) {
      lua_pushnil(lua);
      lua_pushstring(
          lua, piece == nullptr ? "reader function must return a string" : "chunk is too long");
      return 2;
    }
    if (size == 0) break;
    text.append(piece, size);
    lua_pop(lua, 1);
  }
  return Loaded(lua, LoadText(lua, text.data(), text.size(), name));
}

// --- The rest ---

// Errors of commands are tables; scripts have always caught their text.
int Pcall(lua_State* lua) {
  luaL_checkany(lua, 1);
  const int arguments = lua_gettop(lua) - 1;
  if (lua_pcall(lua, arguments, LUA_MULTRET, 0) == 0) {
    if (lua_checkstack(lua, 1) == 0) return luaL_error(lua, "stack overflow");
    lua_pushboolean(lua, 1);
    lua_insert(lua, 1);
    return lua_gettop(lua);
  }
  if (lua_istable(lua, -1)) {
    lua_pushliteral(lua, "err");
    lua_rawget(lua, -2);
    lua_isstring(lua, -1) != 0 ? lua_replace(lua, -2) : lua_pop(lua, 1);
  }
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  return 2;
}

int Unpack(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  const lua_Number first = luaL_optnumber(lua, 2, 1);
  const lua_Number last = lua_isnoneornil(lua, 3) ? static_cast<lua_Number>(lua_objlen(lua, 1))
                                                  : luaL_checknumber(lua, 3);
  if (first > last) return 0;
  constexpr lua_Number kMin = std::numeric_limits<int>::min();
  constexpr lua_Number kMax = std::numeric_limits<int>::max();
  const bool in_range = first >= kMin && last < kMax && last - first < LUAI_MAXCSTACK;
  const int count = in_range ? static_cast<int>(last) - static_cast<int>(first) + 1 : 0;
  if (!in_range || lua_checkstack(lua, count) == 0) {
    return luaL_error(lua, "too many results to unpack");
  }
  for (int i = 0; i < count; ++i) lua_rawgeti(lua, 1, static_cast<int>(first) + i);
  return count;
}

// The collector's pace is not a script's to set.
int CollectGarbage(lua_State* lua) {
  const char* what = luaL_optstring(lua, 1, "collect");
  if (std::strcmp(what, "collect") != 0 && std::strcmp(what, "count") != 0 &&
      std::strcmp(what, "step") != 0) {
    static const char* const kKnown[] = {"stop", "restart", "setpause", "setstepmul", nullptr};
    luaL_checkoption(lua, 1, nullptr, kKnown);
    lua_pushinteger(lua, 0);
    return 1;
  }
  return CallGuarded(lua);
}

int Matching(lua_State* lua) {
  size_t size = 0;
  luaL_checklstring(lua, 2, &size);
  // A plain search does not recur.
  if (size > kMaxPattern && lua_toboolean(lua, 4) == 0) {
    return luaL_error(lua, "pattern too complex");
  }
  return CallGuarded(lua);
}

// The sequence that POSIX's lrand48 gives for a seed, as Redis's scripts have it everywhere.
struct RandomState {
  uint16_t words[3];
};
RandomState& StateOf(lua_State* lua) {
  return *static_cast<RandomState*>(lua_touserdata(lua, lua_upvalueindex(1)));
}

int Random(lua_State* lua) {
  constexpr lua_Number kRange = std::numeric_limits<int32_t>::max();
  constexpr long kModulus = std::numeric_limits<int32_t>::max();
  const lua_Number r = static_cast<lua_Number>(nrand48(StateOf(lua).words) % kModulus) / kRange;
  const int arguments = lua_gettop(lua);
  if (arguments == 0) {
    lua_pushnumber(lua, r);
    return 1;
  }
  if (arguments > 2) return luaL_error(lua, "wrong number of arguments");
  const auto low = arguments == 1 ? 1 : static_cast<int64_t>(luaL_checkinteger(lua, 1));
  const auto high = static_cast<int64_t>(luaL_checkinteger(lua, arguments));
  luaL_argcheck(lua, low <= high, arguments, "interval is empty");
  const lua_Number span = static_cast<lua_Number>(high) - static_cast<lua_Number>(low) + 1;
  lua_pushnumber(lua, std::floor(r * span) + static_cast<lua_Number>(low));
  return 1;
}

int RandomSeed(lua_State* lua) {
  const auto seed = static_cast<uint32_t>(luaL_checkinteger(lua, 1));
  StateOf(lua) = {{0x330E, static_cast<uint16_t>(seed), static_cast<uint16_t>(seed >> 16)}};
  return 0;
}

void PutRandom(lua_State* lua) {
  lua_getglobal(lua, "math");
  auto* state = static_cast<RandomState*>(lua_newuserdata(lua, sizeof(RandomState)));
  const uint64_t bits = EntropySeed();
  std::memcpy(state->words, &bits, sizeof(state->words));
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, Random, 1);
  lua_setfield(lua, -3, "random");
  lua_pushcclosure(lua, RandomSeed, 1);
  lua_setfield(lua, -2, "randomseed");
  lua_pop(lua, 1);
}

// Puts `guard` in the place of a function of the table on top of the stack, which it calls.
void Guard(lua_State* lua, const char* name, lua_CFunction guard) {
  lua_getfield(lua, -1, name);
  lua_pushcclosure(lua, guard, 1);
  lua_setfield(lua, -2, name);
}

constexpr luaL_Reg kReplaced[] = {
    {"next", Next}, {"rawget", RawGet},         {"getfenv", GetFenv}, {"setfenv", SetFenv},
    {"load", Load}, {"loadstring", LoadString}, {"pcall", Pcall},     {"unpack", Unpack},
};

}  // namespace

void GuardFunctions(lua_State* lua) {
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
  for (const luaL_Reg& function : kReplaced) {
    lua_pushcfunction(lua, function.func);
    lua_setfield(lua, -2, function.name);
  }
  lua_getfield(lua, -1, "next");
  lua_pushcclosure(lua, Pairs, 1);
  lua_setfield(lua, -2, "pairs");
  Guard(lua, "rawset", Changing);
  Guard(lua, "setmetatable", Changing);
  Guard(lua, "collectgarbage", CollectGarbage);
  lua_pop(lua, 1);
  lua_getglobal(lua, "table");
  for (const char* name : {"remove", "sort", "setn"}) Guard(lua, name, Changing);
  Guard(lua, "insert", Insert);
  lua_pop(lua, 1);
  lua_getglobal(lua, "string");
  for (const char* name : {"find", "match", "gmatch", "gsub"}) Guard(lua, name, Matching);
  lua_pushnil(lua);
  lua_setfield(lua, -2, "gfind");  // gmatch's old name, which would be without a guard.
  lua_pop(lua, 1);
  PutRandom(lua);
}

}  // namespace henge::commands::scripting
