// SPDX-License-Identifier: Apache-2.0
// Entries, snapshots and messages as bytes, for the disk and the wire. Pure functions; any thread.
//
// What they read may come from anybody: a length is believed only as far as there are bytes, and
// whatever the writer can't have written is refused.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cluster/consensus/byte_codec.h"
#include "cluster/consensus/raft_types.h"

namespace henge::consensus {

void WriteEntry(const Entry& entry, ByteWriter& out);
// Check in.ok(): a kind that does not exist makes it false.
Entry ReadEntry(ByteReader& in);

std::string EncodeSnapshot(const Snapshot& snapshot);
std::optional<Snapshot> DecodeSnapshot(std::string_view bytes);

std::string EncodeMessage(const Message& message);
std::optional<Message> DecodeMessage(std::string_view bytes);

}  // namespace henge::consensus
