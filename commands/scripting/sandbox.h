// SPDX-License-Identifier: Apache-2.0
// The world that scripts see: Lua's libraries without what leads out of it (files, bytecode, debug,
// metatables of basic types, finalizers), and Redis's cjson, cmsgpack, struct and bit.
//
//   environment (read-only face) ── __index ── globals (real) ── __index ── raises: no such global
//
// Scripts' environment is the face; KEYS and ARGV are put into the real table. Where functions are
// loaded, the face looks into another table for that time (SetVisible).
#pragma once

#include <lua.hpp>

namespace henge::commands::scripting {

// REQUIRES: a protected call, for all of these. Builds the globals and pushes the real table.
void BuildGlobals(lua_State* lua);
// Adds the table on top of the stack to the globals below it under this name, read-only; pops it.
void AddReadOnlyGlobal(lua_State* lua, const char* name);
// Takes the globals from the top of the stack: from here on whatever is compiled has their face as
// its environment.
void SealGlobals(lua_State* lua);
// The face shows the table on top of the stack instead; pops it.
void SetVisible(lua_State* lua);
// Pushes the real table of the globals.
void PushGlobals(lua_State* lua);
// Makes reading what is not there an error, in the table on top of the stack.
void RefuseUnknownNames(lua_State* lua);

// Turns whatever was raised into a table {err, source, line}, as Redis's error handler does.
int HandleError(lua_State* lua);

// Compiles text, never bytecode; leaves a function or the error's message and returns luaL_load's
// status.
int LoadText(lua_State* lua, const char* text, size_t size, const char* chunk_name);

}  // namespace henge::commands::scripting
