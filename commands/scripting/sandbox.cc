// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/sandbox.h"

#include <array>
#include <string>
#include <string_view>

#include "commands/scripting/guarded_functions.h"
#include "commands/scripting/libraries/libraries.h"
#include "commands/scripting/read_only.h"

namespace henge::commands::scripting {
namespace {

// Their addresses are keys in the registry.
char kFace;
char kGlobals;

void PushKept(lua_State* lua, char* key) {
  lua_pushlightuserdata(lua, key);
  lua_rawget(lua, LUA_REGISTRYINDEX);
}

// Keeps what is on top of the stack; leaves it there.
void Keep(lua_State* lua, char* key) {
  lua_pushlightuserdata(lua, key);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, LUA_REGISTRYINDEX);
}

void Open(lua_State* lua, const char* name, lua_CFunction open) {
  lua_pushcfunction(lua, open);
  lua_pushstring(lua, name);
  lua_call(lua, 1, 0);
}

void Forget(lua_State* lua, int table, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    lua_pushnil(lua);
    lua_setfield(lua, table, name);
  }
}

int RaiseUnknownName(lua_State* lua) {
  if (lua_gettop(lua) != 2 || lua_isstring(lua, 2) == 0) {
    return luaL_error(lua, "Script attempted to access a nonexistent global variable");
  }
  return luaL_error(lua, "Script attempted to access nonexistent global variable '%s'",
                    lua_tostring(lua, 2));
}

// Of a string, scripts may ask for the methods; they get to no table that they could change.
void SealStringMethods(lua_State* lua) {
  lua_pushliteral(lua, "");
  lua_getmetatable(lua, -1);  // "", metatable
  lua_getfield(lua, LUA_GLOBALSINDEX, "string");
  lua_setfield(lua, -2, "__index");  // The face.
  lua_newtable(lua);
  lua_getfield(lua, -2, "__index");
  lua_setfield(lua, -2, "__index");
  MakeReadOnly(lua);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 2);
}

// What is read by lua_load: a space before a text that would else be taken for bytecode.
struct TextSource {
  std::string_view pieces[2];
  size_t next = 0;
};

const char* ReadText(lua_State*, void* from, size_t* size) {
  auto& source = *static_cast<TextSource*>(from);
  while (source.next < std::size(source.pieces)) {
    const std::string_view piece = source.pieces[source.next++];
    *size = piece.size();
    if (!piece.empty()) return piece.data();
  }
  *size = 0;
  return nullptr;
}

}  // namespace

void BuildGlobals(lua_State* lua) {
  Open(lua, "", luaopen_base);
  Open(lua, LUA_TABLIBNAME, luaopen_table);
  Open(lua, LUA_STRLIBNAME, luaopen_string);
  Open(lua, LUA_MATHLIBNAME, luaopen_math);
  Forget(lua, LUA_GLOBALSINDEX, {"dofile", "loadfile", "print", "newproxy", "module", "require"});
  GuardFunctions(lua);
  OpenCjson(lua);
  lua_setglobal(lua, "cjson");
  OpenCmsgpack(lua);
  lua_setglobal(lua, "cmsgpack");
  OpenStruct(lua);
  lua_setglobal(lua, "struct");
  OpenBit(lua);
  lua_setglobal(lua, "bit");
  OpenOs(lua);
  lua_setglobal(lua, "os");
  for (const char* name :
       {"table", "string", "math", "coroutine", "cjson", "cmsgpack", "struct", "bit", "os"}) {
    lua_getglobal(lua, name);
    MakeReadOnly(lua);
    lua_setglobal(lua, name);
  }
  SealStringMethods(lua);
  lua_pushvalue(lua, LUA_GLOBALSINDEX);
}

void AddReadOnlyGlobal(lua_State* lua, const char* name) {
  MakeReadOnly(lua);
  lua_setfield(lua, -2, name);
}

void SealGlobals(lua_State* lua) {
  RefuseUnknownNames(lua);
  Keep(lua, &kGlobals);
  lua_pushvalue(lua, -1);
  MakeReadOnly(lua);  // real, face
  Keep(lua, &kFace);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, "_G");
  lua_replace(lua, LUA_GLOBALSINDEX);
  lua_pop(lua, 1);
}

void SetVisible(lua_State* lua) {
  PushKept(lua, &kFace);
  lua_getmetatable(lua, -1);  // table, face, metatable
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pop(lua, 3);
}

void PushGlobals(lua_State* lua) { PushKept(lua, &kGlobals); }

void RefuseUnknownNames(lua_State* lua) {
  lua_createtable(lua, 0, 1);
  lua_pushcfunction(lua, RaiseUnknownName);
  lua_setfield(lua, -2, "__index");
  lua_setmetatable(lua, -2);
}

int HandleError(lua_State* lua) {
  lua_settop(lua, 1);
  lua_Debug where;
  bool known = lua_getstack(lua, 1, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  // Where C code raised it, its caller is what matters to who wrote the script.
  if (known && *where.what == 'C') {
    known = lua_getstack(lua, 2, &where) != 0 && lua_getinfo(lua, "Sl", &where) != 0;
  }
  if (!lua_istable(lua, 1)) {
    lua_createtable(lua, 0, 3);
    lua_pushliteral(lua, "ERR ");
    lua_getglobal(lua, "tostring");
    lua_pushvalue(lua, 1);
    lua_call(lua, 1, 1);
    lua_concat(lua, 2);
    lua_setfield(lua, 2, "err");
  } else if (IsReadOnly(lua, 1)) {
    known = false;
  }
  if (known) {
    lua_pushliteral(lua, "source");
    lua_pushstring(lua, where.source);
    lua_rawset(lua, -3);
    lua_pushliteral(lua, "line");
    lua_pushinteger(lua, where.currentline);
    lua_rawset(lua, -3);
  }
  return 1;
}

int LoadText(lua_State* lua, const char* text, size_t size, const char* chunk_name) {
  TextSource source;
  if (size > 0 && text[0] == LUA_SIGNATURE[0]) source.pieces[0] = " ";
  source.pieces[1] = {text, size};
  // The parser itself does not hold on to the chunk's name.
  lua_pushstring(lua, chunk_name);
  const int status = lua_load(lua, ReadText, &source, lua_tostring(lua, -1));
  lua_remove(lua, -2);
  return status;
}

}  // namespace henge::commands::scripting
