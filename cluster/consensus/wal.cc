// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/wal.h"

#include <absl/strings/str_cat.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/strings.h"
#include "cluster/consensus/planted_bugs.h"

namespace henge::consensus {

using persistence::FileSystem;

struct Wal::Found {
  HardState hard;
  Snapshot snapshot;
  std::vector<Entry> entries;
  bool fresh = false;
};

namespace {

absl::Status Damaged(std::string_view file, std::string_view what) {
  return absl::DataLossError(absl::StrCat(Absl(file), " is damaged: ", Absl(what)));
}

// A batch's entries replace what is there from the first one on.
absl::Status Replay(const WalBatch& batch, std::string_view file, Index snapshot,
                    std::vector<Entry>& entries) {
  for (const Entry& entry : batch.entries) {
    if (entry.index <= snapshot || entry.index > snapshot + entries.size() + 1)
      return Damaged(file, absl::StrCat("entry ", entry.index, " does not follow"));
    entries.resize(entry.index - snapshot - 1);
    entries.push_back(entry);
  }
  return absl::OkStatus();
}

}  // namespace

Wal::Wal(FileSystem& files, WalOptions options) : files_(files), options_(std::move(options)) {}

std::string Wal::Path(std::string_view name) const {
  return persistence::JoinPath(options_.directory, name);
}

absl::StatusOr<Wal::Opened> Wal::Open(FileSystem& files, const WalOptions& options,
                                      SnapshotPtr first) {
  Opened opened;
  opened.wal.reset(new Wal(files, options));
  Wal& wal = *opened.wal;
  if (absl::Status made = files.MakeDirectory(options.directory); !made.ok()) return made;
  absl::StatusOr<Found> found = wal.Read(opened.torn);
  if (!found.ok()) return found.status();
  opened.fresh = found->fresh;
  if (found->fresh) found->snapshot = *first;
  wal.hard_ = found->hard;
  if (absl::Status begun = wal.Begin(found->snapshot, found->entries); !begun.ok()) return begun;
  opened.saved = {found->hard, std::make_shared<const Snapshot>(std::move(found->snapshot)),
                  std::move(found->entries)};
  return opened;
}

absl::StatusOr<std::vector<uint64_t>> Wal::Segments() {
  absl::StatusOr<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names.ok()) return names.status();
  std::vector<uint64_t> numbers;
  for (const std::string& name : *names) {
    if (const auto number = SegmentNumber(name)) numbers.push_back(*number);
  }
  std::ranges::sort(numbers);
  return numbers;
}

absl::StatusOr<SegmentContents> Wal::ReadOne(uint64_t segment, bool last) {
  const std::string path = Path(SegmentName(segment));
  const auto contents = files_.Read(path);
  if (!contents.ok()) return contents.status();
  return ReadSegment((*contents)->bytes(), segment, last, path);
}

// From the newest checkpoint on. A segment whose first batch is torn was being made: it is as if it
// were not there, and the one before it is the last.
absl::StatusOr<Wal::Found> Wal::Read(std::string& torn) {
  Found found;
  absl::StatusOr<std::vector<uint64_t>> numbers = Segments();
  if (!numbers.ok()) return numbers.status();
  number_ = numbers->empty() ? 0 : numbers->back();
  std::vector<std::pair<uint64_t, SegmentContents>> chain;  // The newest first.
  bool whole = false;
  while (!numbers->empty() && !whole) {
    const uint64_t number = numbers->back();
    numbers->pop_back();
    absl::StatusOr<SegmentContents> contents = ReadOne(number, chain.empty());
    if (!contents.ok()) return contents.status();
    const std::string path = Path(SegmentName(number));
    if (contents->torn_at)
      absl::StrAppend(&torn, path, " is torn at offset ", *contents->torn_at, "; ");
    if (contents->batches.empty() && chain.empty()) continue;
    if (contents->batches.empty()) return Damaged(path, "it is empty, and others follow it");
    if (!chain.empty() && number + 1 != chain.back().first)
      return Damaged(Path(SegmentName(number + 1)), "it is missing");
    whole = contents->batches.front().checkpoint;
    chain.emplace_back(number, *std::move(contents));
  }
  if (chain.empty() && number_ > 1)
    return Damaged(Path(SegmentName(number_)), "nothing of it arrived, and nothing is before it");
  if (chain.empty()) {
    found.fresh = true;
    if (absl::Status cleared = ClearFirst(); !cleared.ok()) return cleared;
    return found;
  }
  if (!whole) return Damaged(Path(SegmentName(chain.back().first)), "what it continues is missing");
  const Index index = chain.back().second.batches.front().snapshot->first;
  for (auto at = chain.rbegin(); at != chain.rend(); ++at) {
    for (const WalBatch& batch : at->second.batches) {
      if (batch.hard) found.hard = *batch.hard;
      const absl::Status replayed =
          Replay(batch, Path(SegmentName(at->first)), index, found.entries);
      if (!replayed.ok()) return replayed;
    }
  }
  const std::string path = Path(SnapshotName(index, chain.back().first));
  const auto file = files_.Read(path);
  if (!file.ok()) return file.status();
  absl::StatusOr<Snapshot> snapshot = ReadSnapshotFile((*file)->bytes(), path);
  if (!snapshot.ok()) return snapshot.status();
  if (snapshot->index != index) return Damaged(path, "it is another snapshot");
  found.snapshot = *std::move(snapshot);
  return found;
}

// The power failed while the first segment was made: from the beginning, under the same number.
absl::Status Wal::ClearFirst() {
  if (std::exchange(number_, 0) == 0) return absl::OkStatus();
  if (absl::Status gone = files_.Remove(Path(SegmentName(1))); !gone.ok()) return gone;
  return files_.SyncDirectory(options_.directory);
}

absl::Status Wal::WriteSnapshot(const Snapshot& snapshot, const std::string& name) {
  const std::string path = Path(name);
  const std::string draft = Path("draft-" + name);
  auto file = files_.Open(draft, FileSystem::Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  const std::string bytes = EncodeSnapshotFile(snapshot);
  const std::array<std::string_view, 1> pieces = {bytes};
  if (absl::Status written = (*file)->Append(pieces).status; !written.ok()) return written;
  if (absl::Status synced = (*file)->Sync(); !synced.ok()) return synced;
  if (absl::Status renamed = files_.Rename(draft, path); !renamed.ok()) return renamed;
  return files_.SyncDirectory(options_.directory);
}

// The next segment, beginning with that batch, on the disk with its name. Until then the one before
// is what counts, so that failing leaves everything as it was.
absl::Status Wal::StartSegment(WalBatch batch) {
  batch.first = true;
  const uint64_t number = number_ + 1;
  auto file = files_.Open(Path(SegmentName(number)), FileSystem::Opening::kCreateOrEmpty);
  if (!file.ok()) return file.status();
  const std::string bytes = EncodeBatch(batch, number, 0);
  const std::array<std::string_view, 1> pieces = {bytes};
  absl::Status status = (*file)->Append(pieces).status;
  if (!status.ok()) {
    // Left there whole or in part it would be taken for the newest.
    if (absl::Status removed = files_.Remove(Path(SegmentName(number))); !removed.ok())
      broken_ = removed;
    return status;
  }
  status = (*file)->Sync();
  if (status.ok() && !Planted(Bug::kWalNoDirectorySync))
    status = files_.SyncDirectory(options_.directory);
  if (!status.ok()) {
    broken_ = status;
    return status;
  }
  segment_ = *std::move(file);
  number_ = number;
  synced_ = bytes.size();
  return absl::OkStatus();
}

absl::Status Wal::Begin(const Snapshot& snapshot, std::span<const Entry> entries) {
  const std::string name = SnapshotName(snapshot.index, number_ + 1);
  if (absl::Status written = WriteSnapshot(snapshot, name); !written.ok()) return written;
  WalBatch batch{.checkpoint = true,
                 .snapshot = std::pair(snapshot.index, snapshot.term),
                 .hard = hard_,
                 .entries = {entries.begin(), entries.end()}};
  if (Planted(Bug::kWalRemovesFirst)) RemoveOlder(name);
  if (absl::Status started = StartSegment(std::move(batch)); !started.ok()) return started;
  RemoveOlder(name);
  return absl::OkStatus();
}

// What stays because of an error does no harm and goes the next time.
void Wal::RemoveOlder(const std::string& snapshot_name) {
  absl::StatusOr<std::vector<std::string>> names = files_.List(options_.directory);
  if (!names.ok()) return;
  for (const std::string& name : *names) {
    const auto segment = SegmentNumber(name);
    const bool old =
        segment ? *segment < number_
                : name.starts_with("draft-") || (IsSnapshotName(name) && name != snapshot_name);
    if (old) files_.Remove(Path(name)).IgnoreError();
  }
}

absl::Status Wal::Append(const WalBatch& batch, bool sync) {
  const uint64_t before = segment_->size();
  const std::string bytes = EncodeBatch(batch, number_, before);
  const std::array<std::string_view, 1> pieces = {bytes};
  if (absl::Status status = segment_->Append(pieces).status; !status.ok()) {
    if (absl::Status cut = segment_->Truncate(before); !cut.ok()) broken_ = cut;
    return status;
  }
  if (!sync || Planted(Bug::kWalNoSync)) return absl::OkStatus();
  if (broken_ = segment_->Sync(); broken_.ok()) synced_ = segment_->size();
  return broken_;
}

absl::Status Wal::Write(const Ready& ready) {
  if (!broken_.ok()) return broken_;
  const HardState before = hard_;
  if (ready.hard_state) hard_ = *ready.hard_state;
  absl::Status status;
  if (ready.snapshot != nullptr) {
    status = Begin(*ready.snapshot, ready.entries);
  } else if (ready.hard_state || !ready.entries.empty()) {
    if (segment_->size() >= options_.segment_bytes) {
      if (broken_ = segment_->Sync(); broken_.ok()) status = StartSegment({});
      if (!broken_.ok()) status = broken_;
    }
    if (status.ok())
      status = Append({.synced = synced_, .hard = ready.hard_state, .entries = ready.entries},
                      ready.must_sync);
  }
  if (!status.ok()) hard_ = before;
  return status;
}

absl::Status Wal::Compact(const Snapshot& snapshot, std::span<const Entry> tail) {
  if (!broken_.ok()) return broken_;
  return Begin(snapshot, tail);
}

}  // namespace henge::consensus
