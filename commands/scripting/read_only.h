// SPDX-License-Identifier: Apache-2.0
// Tables that scripts may read but not change.
//
// Stock Lua has no such thing, so a script is given an empty table that stands for the real one:
//
//   face {} ── metatable ── __index: the real table; __newindex: raises; kReal: the real table
//
// The functions that would see through the difference (next, pairs, rawget, rawset, getmetatable,
// table.insert …) are replaced by ones that know faces; see sandbox.cc.
#pragma once

#include <lua.hpp>

namespace henge::commands::scripting {

inline constexpr char kReadOnlyTable[] = "Attempt to modify a readonly table";

// Replaces the table on top of the stack by its face.
void MakeReadOnly(lua_State* lua);

// Whether what stands at `index` is a face; its real table is pushed then.
bool PushReal(lua_State* lua, int index);
bool IsReadOnly(lua_State* lua, int index);

// Replaces what stands at `index` by the real table, if it is a face.
void LookBehind(lua_State* lua, int index);
// Raises kReadOnlyTable if what stands at `index` is a face.
void RefuseReadOnly(lua_State* lua, int index);

}  // namespace henge::commands::scripting
