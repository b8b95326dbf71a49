// SPDX-License-Identifier: Apache-2.0
// SlotFilter: of the journal's records, what concerns some slots, as commands in RESP.
//
// A record of one slot goes or does not, as it stands. One of several, or of none, is cut into its
// commands: those on keys of the slots go. What empties a database ends the filter with an error,
// and so does a command with keys on both sides, of which a cluster has none. One thread.
#pragma once

#include <absl/status/status.h>

#include <string>
#include <string_view>
#include <vector>

#include "cluster/slots/slot_fate.h"
#include "commands/command_table.h"
#include "persistence/journal/journal_reader.h"
#include "replication/unit_reader.h"

namespace henge::server {

class SlotFilter {
 public:
  explicit SlotFilter(const cluster::SlotBits& slots) : slots_(slots) {}

  // Appends what goes.
  absl::Status Add(const persistence::RecordTag& tag, std::string_view bytes, std::string& out);

 private:
  enum class Side : uint8_t { kNeither, kOurs, kBoth, kEmpties };
  absl::Status Cut(std::string_view bytes, std::string& out);
  Side SideOf(std::span<const std::string_view> words);

  const cluster::SlotBits slots_;
  std::vector<commands::KeyPosition> positions_;
};

}  // namespace henge::server
