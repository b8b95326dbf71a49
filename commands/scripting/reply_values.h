// SPDX-License-Identifier: Apache-2.0
// Replies as Lua's values, and Lua's values as replies, by Redis's rules:
//
//   reply                     Lua                       Lua                  reply
//   integer                   number                    number               integer, towards zero
//   bulk string               string                    string               bulk string
//   simple string             {ok = text}               {ok = text}          simple string
//   error                     {err = text}              {err = text}         error
//   array                     list                      list, up to a nil    array
//   null (RESP2: any)         false                     false, nil           null
//   RESP3: null nil, boolean boolean, {double =}, {map =}, {set =}, {big_number =},
//          {verbatim_string = {format =, string =}}, and back
//
// REQUIRES: a protected call, for all of these.
#pragma once

#include <lua.hpp>
#include <string_view>

#include "proto/reply_writer.h"

namespace henge::commands::scripting {

// Pushes what a reply says. REQUIRES: it is one whole reply.
void PushReply(lua_State* lua, std::string_view reply);

// Writes what is on top of the stack, and takes it away. `script_protocol` is the one that the
// script chose (redis.setresp).
void WriteReply(lua_State* lua, int script_protocol, proto::ReplyWriter& reply);

// What an error that was raised, or a table {err = …}, says.
struct ErrorInfo {
  std::string_view text;  // A view into what stands on the stack.
  std::string_view source;
  int line = 0;
  bool counted = false;  // It was a command's, and counted there.
};
ErrorInfo ReadError(lua_State* lua, int index);

// Pushes {err = text}, where `text` begins with the error's code.
void PushError(lua_State* lua, std::string_view text, bool counted = false);

}  // namespace henge::commands::scripting
