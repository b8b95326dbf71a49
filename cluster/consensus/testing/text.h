// SPDX-License-Identifier: Apache-2.0
// Consensus in words, as transcripts and failures show it. Pure functions; any thread.
//
//   entries   1.1 2.1:a 3.2$nonce 4.2[1 2 +3]     index.term, and what is in it: nothing, a
//   command,
//                                                 a session, a membership (+: a learner)
//   message   append 1->2 t2 prev=1.1 commit=1 {2.2:a}
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "cluster/consensus/raft.h"

namespace henge::consensus::testing {

std::string Text(const Entry& entry);
std::string Text(std::span<const Entry> entries);
std::string Text(const Membership& membership);
std::string Text(const Message& message);
std::string_view Text(Role role);
std::string_view Text(Refusal refusal);
std::string_view Text(MessageKind kind);
std::string_view Text(Progress::Mode mode);

// "1.1" or "2.1:a" or "3.2[1 2 +3]".
std::optional<Entry> ParseEntry(std::string_view text);
// "1 2 +3".
std::optional<Membership> ParseMembership(std::string_view text);
std::optional<MessageKind> ParseMessageKind(std::string_view text);

}  // namespace henge::consensus::testing
