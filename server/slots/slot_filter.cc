// SPDX-License-Identifier: Apache-2.0
#include "server/slots/slot_filter.h"

#include "store/key.h"

namespace henge::server {
namespace {

constexpr int64_t kAnyBulk = int64_t{1} << 40;  // It is this node's own journal.

void AppendCommand(std::span<const std::string_view> words, std::string& out) {
  out += "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n";
    out += word;
    out += "\r\n";
  }
}

}  // namespace

absl::Status SlotFilter::Add(const persistence::RecordTag& tag, std::string_view bytes,
                             std::string& out) {
  if (tag.slot == persistence::kControlSlot) return absl::OkStatus();
  if (tag.slot == persistence::kNoSlot) return Cut(bytes, out);
  if (tag.slot < kSlots && slots_.test(tag.slot)) out += bytes;
  return absl::OkStatus();
}

absl::Status SlotFilter::Cut(std::string_view bytes, std::string& out) {
  replication::UnitReader reader(kAnyBulk);
  reader.Add(bytes);
  replication::StreamUnit unit;
  while (true) {
    const auto next = reader.Next(unit);
    if (!next.ok()) return next.status();
    if (!*next) return absl::OkStatus();
    std::string kept;
    size_t count = 0;
    for (const replication::StreamUnit::Command& command : unit.commands) {
      const auto words = unit.argv(command);
      switch (SideOf(words)) {
        case Side::kNeither:
          break;
        case Side::kOurs:
          AppendCommand(words, kept);
          ++count;
          break;
        case Side::kBoth:
          return absl::FailedPreconditionError("a command has keys of slots that stay");
        case Side::kEmpties:
          return absl::AbortedError("the data was flushed");
      }
    }
    if (count > 1) out += "*1\r\n$5\r\nMULTI\r\n";
    out += kept;
    if (count > 1) out += "*1\r\n$4\r\nEXEC\r\n";
  }
}

SlotFilter::Side SlotFilter::SideOf(std::span<const std::string_view> words) {
  const auto [info, unknown] = commands::CommandTable::Get().Resolve(words);
  if (info == nullptr || unknown) return Side::kNeither;
  const std::string_view name = info->full_name;
  if (name == "flushall" || name == "flushdb" || name == "swapdb") return Side::kEmpties;
  positions_.clear();
  if (!commands::FindKeys(*info->spec, words, positions_)) return Side::kNeither;
  size_t ours = 0;
  for (const auto& [index, flags] : positions_) {
    if (slots_.test(store::Key::Of(words[static_cast<size_t>(index)]).slot)) ++ours;
  }
  if (ours == 0) return Side::kNeither;
  return ours == positions_.size() ? Side::kOurs : Side::kBoth;
}

}  // namespace henge::server
