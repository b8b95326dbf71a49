// SPDX-License-Identifier: Apache-2.0
// Handlers of the list room, and the pops and moves that commands which wait for a list share with
// those that do not. Rows are in commands.cc.
#pragma once

#include <cstdint>

#include "commands/context.h"
#include "proto/reply_writer.h"
#include "store/list/list.h"

namespace henge::commands {

// --- Popping and moving, for commands that wait as well -----------------------------------------

enum class PopForm : uint8_t {
  kElement,         // The element.
  kElements,        // An array of elements.
  kKeyAndElement,   // [key, element]
  kKeyAndElements,  // [key, [element, …]]
};

struct PopOutcome {
  store::Keyspace::Modified state = store::Keyspace::Modified::kAbsent;
  uint64_t popped = 0;
};

// Removes up to `count` elements (one, where the form has room for one only) and replies with them.
// An absent key is left to the caller, who has no reply then; one of another type gets WRONGTYPE.
PopOutcome PopAndReply(CommandContext& ctx, const store::Key& key, store::ListEnd end, PopForm form,
                       uint64_t count = 1);

// Moves an element from one list's end to another's, or the same one's, and replies with it; absent
// and other types as above.
store::Keyspace::Modified MoveAndReply(CommandContext& ctx, const store::Key& source,
                                       const store::Key& destination, store::ListEnd from,
                                       store::ListEnd to);

// LEFT or RIGHT.
store::ListEnd ReadEnd(ArgReader& args);

inline void ReplyElement(proto::ReplyWriter& reply, const store::ListpackElement& element) {
  if (element.is_integer()) return reply.BulkInteger(element.integer);
  reply.Bulk({element.data, element.size});
}

// What an LMPOP or BLMPOP asks for.
struct MultiPop {
  uint64_t keys = 0;  // They are the next arguments.
  store::ListEnd end = store::ListEnd::kHead;
  uint64_t count = 1;
};
// Reads "numkeys key … LEFT|RIGHT [COUNT count]", and leaves the reader at the first key.
MultiPop ReadMultiPop(ArgReader& args);
// Pops from `key`, if it has anything: replies, and tells the journal. Returns whether that is the
// reply, WRONGTYPE included.
bool MultiPopFrom(CommandContext& ctx, const store::Key& key, const MultiPop& pop);

// --- Handlers -----------------------------------------------------------------------------------

// push.cc
void LPush(CommandContext& ctx, ArgReader& args);
void LPushX(CommandContext& ctx, ArgReader& args);
void RPush(CommandContext& ctx, ArgReader& args);
void RPushX(CommandContext& ctx, ArgReader& args);

// pop.cc
void LPop(CommandContext& ctx, ArgReader& args);
void RPop(CommandContext& ctx, ArgReader& args);
void LmPop(CommandContext& ctx, ArgReader& args);
void LMove(CommandContext& ctx, ArgReader& args);
void RPopLPush(CommandContext& ctx, ArgReader& args);

// read.cc
void LLen(CommandContext& ctx, ArgReader& args);
void LRange(CommandContext& ctx, ArgReader& args);
void LIndex(CommandContext& ctx, ArgReader& args);
void LPos(CommandContext& ctx, ArgReader& args);

// change.cc
void LSet(CommandContext& ctx, ArgReader& args);
void LInsert(CommandContext& ctx, ArgReader& args);
void LRem(CommandContext& ctx, ArgReader& args);
void LTrim(CommandContext& ctx, ArgReader& args);

// blocking.cc
void BLPop(CommandContext& ctx, ArgReader& args);
void BRPop(CommandContext& ctx, ArgReader& args);
void BLmPop(CommandContext& ctx, ArgReader& args);
void BLMove(CommandContext& ctx, ArgReader& args);
void BRPopLPush(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
