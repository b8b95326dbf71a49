// SPDX-License-Identifier: Apache-2.0
// KeyProof: whether a script can be seen, before it runs, to touch no key but those it is given.
//
// It follows the values in a function's registers along all ways through its bytecode: which of
// them is `redis.call`, which is KEYS or an element of it, which is known text. A script is proven
// if each command it calls is named by known text and has elements of KEYS where its row says that
// keys stand, and if `redis.call`, `redis` and KEYS get to no place where they would be lost from
// sight. What can't be followed is not proven, which costs such scripts nothing but company
// (docs/internals/scripting.md). On the interpreter's thread.
#pragma once

#include <lua.hpp>

namespace henge::commands::scripting {

// Of the Lua function on top of the stack, which stays there. `takes_keys`: KEYS is its first
// argument, as functions have it, not a global.
bool TouchesOnlyItsKeys(lua_State* lua, bool takes_keys);

}  // namespace henge::commands::scripting
