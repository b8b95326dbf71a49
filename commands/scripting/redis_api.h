// SPDX-License-Identifier: Apache-2.0
// The functions that scripts have of the server: `redis`, which Valkey's scripts call `server`.
#pragma once

#include <lua.hpp>

namespace henge::commands::scripting {

// REQUIRES: a protected call; the table of globals on top of the stack.
void AddRedisApi(lua_State* lua);

// Puts what loading a library may use, too, into the table on top of the stack: log, versions.
// `server`: it goes by that name.
void AddLogAndVersion(lua_State* lua, bool server);

// Puts a function into the table on top of the stack, which goes by the name `redis` or `server`.
void AddFunction(lua_State* lua, const char* name, lua_CFunction function, bool server);
// Within such a function: whether it was called by the name `server`.
bool CalledByServer(lua_State* lua);

}  // namespace henge::commands::scripting
