// SPDX-License-Identifier: Apache-2.0
// The libraries that Redis's scripts have beside Lua's: the same functions with the same results,
// written anew with every length checked. Each function pushes a table. REQUIRES: a protected call.
#pragma once

#include <lua.hpp>
#include <string>

namespace henge::commands::scripting {

int OpenCjson(lua_State* lua);     // JSON; settings are kept for the interpreter's life.
int OpenCmsgpack(lua_State* lua);  // MessagePack.
int OpenStruct(lua_State* lua);    // C structures.
int OpenBit(lua_State* lua);       // Operations on 32 bits.
int OpenOs(lua_State* lua);        // Of Lua's own, the processor's time only.

// Pushes a table of these functions; `upvalues` values on top of the stack go to each, and away.
void PushFunctions(lua_State* lua, const luaL_Reg* functions, int upvalues = 0);

}  // namespace henge::commands::scripting
