// SPDX-License-Identifier: Apache-2.0
// Functions of Lua's own library that scripts get in another form: because they would see through
// read-only tables, load bytecode, or take the server down with arguments made for it.
#pragma once

#include <lua.hpp>

namespace henge::commands::scripting {

// REQUIRES: a protected call, the libraries are open. Puts them in the place of Lua's.
void GuardFunctions(lua_State* lua);

}  // namespace henge::commands::scripting
