// SPDX-License-Identifier: Apache-2.0
// Commands that wait for keys: BLPOP, BZPOPMIN, XREAD BLOCK …
//
// Such a handler first does what it can; where there is nothing, it asks to wait and returns:
//
//   const int64_t timeout_ms = ReadTimeoutSeconds(args, ctx.keyspace.now());
//   if (!args.Done()) return ctx.reply.Error(args.error());
//   for (const store::Key& key : keys) { … reply and return where there is something … }
//   ctx.services.BlockOnKeys(ctx, {.keys = keys, .type = store::Type::kList,
//                                  .timeout_ms = timeout_ms});
//
// The reply comes later: whoever makes one of the keys (of that type) runs the same handler again,
// with the same arguments, on its own thread and under the locks it holds. The handler does not see
// a difference, except that keys in shards that are not locked read as absent, and that asking to
// wait again leaves the client where it stands in the queues. Keys of the call that are not waited
// for (BLMOVE's destination) are always locked. In MULTI and in scripts nobody waits: BlockOnKeys
// replies as if time were up. REQUIRES: the row has kBlocking, and its key specs tell all keys.
//
// Effects are reported by the handler's own mutations, as ever. Statistics, the slow log and
// MONITOR see the call once.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "commands/arg_reader.h"
#include "store/entry.h"
#include "store/key.h"

namespace henge::commands {

// What a call waits for; see Services::BlockOnKeys.
struct KeyWait {
  std::span<const store::Key> keys;  // In the call's order; one that is named twice counts once.
  store::Type type;                  // A key of another type is as good as none.
  int64_t timeout_ms = 0;            // From now; 0: for ever.
  // Also run the handler again when the key is deleted, or becomes one of another type
  // (XREADGROUP, whose group is gone then).
  bool wakes_without_key = false;
  // The reply in MULTI and scripts: RESP2's null array, or its null (BLMOVE). When time is up it
  // is the null array, for all commands, as in Redis.
  enum class Null : uint8_t { kArray, kBulk };
  Null not_waiting = Null::kArray;
  // What to run again instead of the call's own arguments, name included: XREAD's "$" as the ID it
  // stood for when the wait began. Empty: the call's own.
  std::vector<std::string> argv = {};
};

// Timeouts as an argument, in milliseconds; they latch Redis's errors. Seconds may have a fraction,
// and are rounded up to milliseconds.
int64_t ReadTimeoutSeconds(ArgReader& args, UnixMillis now);
int64_t ReadTimeoutMillis(ArgReader& args, UnixMillis now);

}  // namespace henge::commands
