// SPDX-License-Identifier: Apache-2.0
// EffectApplier: does again what effects tell: those of an append-only file, or a leader's.
//
// A command at a time, by the rows' own handlers, under the locks of its keys; nobody hears of it.
// What has expired stays until an effect deletes it. One thread at a time.
#pragma once

#include <absl/status/status.h>

#include <span>
#include <string_view>
#include <vector>

#include "commands/client_state.h"
#include "commands/command_table.h"
#include "proto/reply_buffer.h"
#include "proto/reply_writer.h"
#include "store/keyspace.h"

namespace henge::server {

class Node;

class EffectApplier {
 public:
  // `held`: every shard is locked already, by whom; else each command locks what it needs.
  explicit EffectApplier(Node& node, const store::LockSet* held = nullptr);

  // The status says which command is unknown or has been refused, and why.
  absl::Status Apply(std::span<const std::string_view> command);

 private:
  Node& node_;
  const store::LockSet* const held_;
  commands::ClientState client_;
  proto::ReplyBuffer replies_;
  proto::ReplyWriter writer_;
  std::vector<commands::KeyPosition> positions_;
  std::vector<store::Key> keys_;
};

}  // namespace henge::server
