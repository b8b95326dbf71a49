// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/command_base.h"

#include <absl/strings/str_cat.h>

#include "persistence/aof/value_commands.h"
#include "persistence/rdb/value_reader.h"

namespace henge::persistence {
namespace {

constexpr size_t kFlushFrom = 256 * 1024;

}  // namespace

CommandBase::CommandBase(ByteSink& to, const store::EncodingLimits& limits,
                         std::optional<int64_t> time)
    : to_(to), limits_(limits), parser_(*this, {.verify_checksum = false}) {
  if (time) text_.Raw(absl::StrCat("#TS:", *time, "\r\n"));
}

absl::Status CommandBase::Append(std::string_view bytes) {
  pending_.append(bytes);
  if (!status_.ok() || pending_.size() < next_parse_ || parser_.done()) return status_;
  return Parse(/*last=*/false);
}

// A long record would be gone over each time a piece of it comes: only when it has doubled.
absl::Status CommandBase::Parse(bool last) {
  size_t done = 0;
  while (status_.ok() && !parser_.done() && done < pending_.size()) {
    const auto taken = parser_.Parse(std::string_view(pending_).substr(done), last);
    if (!taken.ok()) status_ = taken.status();
    if (!taken.ok() || *taken == 0) break;
    done += *taken;
  }
  pending_.erase(0, done);
  next_parse_ = done == 0 ? 2 * pending_.size() : 0;
  return status_;
}

absl::Status CommandBase::Finish() {
  if (status_.ok() && !parser_.done()) Parse(/*last=*/true).IgnoreError();
  if (status_.ok()) status_ = to_.Append(text_.bytes());
  text_.Clear();
  return status_;
}

void CommandBase::FlushIfFull() {
  if (text_.bytes().size() < kFlushFrom) return;
  if (status_.ok()) status_ = to_.Append(text_.bytes());
  text_.Clear();
}

absl::Status CommandBase::OnFunction(std::string_view code) {
  text_.Command({"FUNCTION", "LOAD", code});
  return absl::OkStatus();
}

absl::Status CommandBase::OnKey(const RdbKey& key) {
  RdbReader reader(key.body, key.offset);
  const auto entry = ReadValue(reader, key.type, key.key, key.expiry, limits_);
  if (!entry.ok()) return entry.status();
  if (db_ != key.db) text_.Command({"SELECT", absl::StrCat(key.db)});
  db_ = key.db;
  WriteCommands(**entry, text_, [this] { FlushIfFull(); });
  return status_;
}

}  // namespace henge::persistence
