// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/read_only.h"

namespace henge::commands::scripting {
namespace {

// Its address is the key under which a face's metatable has the real table. No script can make it.
char kReal;

int RefuseAssignment(lua_State* lua) { return luaL_error(lua, kReadOnlyTable); }

}  // namespace

void MakeReadOnly(lua_State* lua) {
  lua_newtable(lua);           // real, face
  lua_createtable(lua, 0, 4);  // real, face, metatable
  lua_pushvalue(lua, -2);
  lua_setfield(lua, -2, "__metatable");  // What scripts get for the metatable: as read-only.
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, RefuseAssignment);
  lua_setfield(lua, -2, "__newindex");
  lua_pushlightuserdata(lua, &kReal);
  lua_pushvalue(lua, -4);
  lua_rawset(lua, -3);
  lua_setmetatable(lua, -2);
  lua_replace(lua, -2);
}

bool PushReal(lua_State* lua, int index) {
  if (!lua_istable(lua, index) || lua_getmetatable(lua, index) == 0) return false;
  lua_pushlightuserdata(lua, &kReal);
  lua_rawget(lua, -2);
  lua_replace(lua, -2);
  if (lua_istable(lua, -1)) return true;
  lua_pop(lua, 1);
  return false;
}

bool IsReadOnly(lua_State* lua, int index) {
  if (!PushReal(lua, index)) return false;
  lua_pop(lua, 1);
  return true;
}

void LookBehind(lua_State* lua, int index) {
  if (PushReal(lua, index)) lua_replace(lua, index);
}

void RefuseReadOnly(lua_State* lua, int index) {
  if (!IsReadOnly(lua, index)) return;
  lua_pushstring(lua, kReadOnlyTable);
  lua_error(lua);
}

}  // namespace henge::commands::scripting
