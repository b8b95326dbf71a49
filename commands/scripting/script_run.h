// SPDX-License-Identifier: Apache-2.0
// ScriptRun: one script or function while it runs. Made and used by the worker that runs it; what
// others may look at is in BusyScripts.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "base/clock.h"
#include "commands/context.h"
#include "commands/scripting/script_cache.h"

namespace henge::commands::scripting {

struct ScriptRun {
  CommandContext& ctx;    // Of the call that runs it.
  std::string_view name;  // The script's SHA-1, or the function's name.
  bool eval = true;       // A script, not a function.
  bool read_only = false;
  bool allow_oom = false;
  bool allow_cross_slot = true;
  // The command that the script called, if it changed data, is told to the journal.
  bool replicate = true;
  // A command that writes was begun: from now on it can't be stopped halfway.
  std::atomic<bool> wrote{false};
  bool by_server = false;  // The command is called by the name `server`, whose errors differ.
  int64_t time_us = 0;     // What TIME says to all of the run, once it has been asked.
  int protocol = 2;        // In which its commands reply.
  bool busy = false;       // It has run for so long that others are told so.
  const uint64_t began = Ticks();
  int slot = -1;  // Cluster mode: of the first key it touched, if no other slot may follow.
};

}  // namespace henge::commands::scripting
