// SPDX-License-Identifier: Apache-2.0
#include "server/replication/unit_intake.h"

#include "base/strings.h"
#include "server/node.h"

namespace henge::server {
namespace {

constexpr size_t kAtOnce = 64 * 1024;

}  // namespace

UnitIntake::UnitIntake(Node& node, uint64_t link)
    : node_(node),
      link_(link),
      reader_(node.parameters().proto_max_bulk_len.load()),
      batch_(node) {}

absl::Status UnitIntake::Take(std::string_view bytes) {
  Replication& replication = node_.replication();
  while (!bytes.empty()) {
    const std::string_view part = bytes.substr(0, kAtOnce);
    bytes.remove_prefix(part.size());
    reader_.Add(part);
    batch_.Begin(replication.stream_db(), replication.lanes().size());
    while (true) {
      const absl::StatusOr<bool> more = reader_.Next(unit_);
      if (!more.ok()) return more.status();
      if (!*more) break;
      const bool single = unit_.commands.size() == 1;
      asked_ = asked_ || (single && EqualsIgnoreCase(unit_.words[0], "REPLCONF"));
      if (absl::Status status = batch_.Add(unit_); !status.ok()) replication.NoteRefused(status);
    }
    if (batch_.size() == 0) continue;
    absl::Status status = replication.lanes().Apply(batch_, link_);
    if (!status.ok()) return status;
  }
  return absl::OkStatus();
}

}  // namespace henge::server
