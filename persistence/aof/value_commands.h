// SPDX-License-Identifier: Apache-2.0
// A key as the commands that make it again, in the forms that Redis gives them when it rewrites its
// log without an RDB: SET, RPUSH, SADD, ZADD and HMSET with at most 64 elements each; XADD, XSETID,
// XGROUP and XCLAIM; HPEXPIREAT and PEXPIREAT at the end.
//
// What commands can't tell is lost, as with Redis: when a stream's consumers were active, and how
// a key was used. Pure; reads the entry, which the caller owns.
#pragma once

#include <absl/functional/function_ref.h>

#include "persistence/aof/command_text.h"
#include "store/entry.h"

namespace henge::persistence {

// `full` is called between commands whenever the text has grown; it may clear it.
void WriteCommands(const store::Entry& entry, CommandText& text, absl::FunctionRef<void()> full);

}  // namespace henge::persistence
