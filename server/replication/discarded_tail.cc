// SPDX-License-Identifier: Apache-2.0
#include "server/replication/discarded_tail.h"

#include <fmt/format.h>

#include <memory>
#include <string_view>

#include "persistence/file.h"

namespace henge::server {
namespace {

using persistence::Record;

constexpr uint64_t kPiece = 1 << 20;

class TailFile {
 public:
  explicit TailFile(std::string path) : path_(std::move(path)) {}

  absl::Status Add(const Record& record) {
    if (file_ == nullptr) {
      auto file = persistence::PosixFileSystem().Open(
          path_, persistence::FileSystem::Opening::kCreateOrEmpty);
      if (!file.ok()) return file.status();
      file_ = *std::move(file);
      const std::string db = std::to_string(record.tag.db);
      const std::string select = fmt::format("*2\r\n$6\r\nSELECT\r\n${}\r\n{}\r\n", db.size(), db);
      if (absl::Status status = Append(select); !status.ok()) return status;
    }
    ++written_.records;
    return Append(record.bytes);
  }

  absl::StatusOr<WrittenTail> Close() {
    if (file_ == nullptr) return written_;
    if (absl::Status status = file_->Sync(); !status.ok()) return status;
    if (absl::Status status = persistence::PosixFileSystem().SyncDirectory("."); !status.ok()) {
      return status;
    }
    return written_;
  }

 private:
  absl::Status Append(std::string_view bytes) {
    const auto appended = file_->Append({&bytes, 1});
    if (appended.status.ok()) written_.bytes += bytes.size();
    return appended.status;
  }

  const std::string path_;
  std::unique_ptr<persistence::File> file_;
  WrittenTail written_;
};

}  // namespace

absl::StatusOr<WrittenTail> WriteDiscardedTail(persistence::Journal& journal, Lsn from, Lsn end,
                                               const std::string& path) {
  const auto reader = journal.Attach({.hold_bytes = ~uint64_t{0}}, from);
  if (reader == nullptr) return absl::OutOfRangeError("the journal does not have it any more");
  TailFile file(path);
  while (reader->cursor() < end) {
    const persistence::JournalBatch& batch = reader->Read(kPiece, end);
    if (batch.lost()) return absl::OutOfRangeError("the journal does not have it any more");
    if (batch.empty()) break;
    for (const persistence::Slice& slice : batch.slices()) {
      for (uint32_t i = 0; i < slice.size(); ++i) {
        const Record record = slice.record(i);
        if (record.control()) continue;
        if (absl::Status status = file.Add(record); !status.ok()) return status;
      }
    }
    reader->Release(batch.end());
  }
  return file.Close();
}

}  // namespace henge::server
