// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/testing/wal_faults.h"

#include <absl/strings/str_cat.h>

#include <memory>
#include <utility>

#include "cluster/consensus/testing/text.h"

namespace henge::consensus::testing {

using persistence::SimulatedDisk;

SnapshotPtr FirstSnapshot() {
  auto first = std::make_shared<Snapshot>();
  first->members = Membership({{1, true, "a:1"}, {2, true, "b:1"}});
  return first;
}

absl::StatusOr<Wal::Opened> OpenOn(SimulatedDisk& disk, uint64_t segment_bytes) {
  return Wal::Open(disk, {kWalDirectory, segment_bytes}, FirstSnapshot());
}

WalHistory::WalHistory(uint64_t seed) : random_(seed) {
  acknowledged_.snapshot = *FirstSnapshot();
  next_ = acknowledged_;
}

absl::Status WalHistory::Write(Wal& wal) {
  next_ = acknowledged_;
  const bool compacts = random_.Below(8) == 0 && !next_.entries.empty();
  absl::Status status = compacts ? Compact(wal) : Append(wal);
  if (status.ok()) acknowledged_ = next_;
  return status;
}

absl::Status WalHistory::Append(Wal& wal) {
  Ready ready;
  ++next_.hard.term;
  if (!next_.entries.empty() && random_.Below(2) == 0) next_.entries.pop_back();
  for (uint64_t i = random_.Below(3) + 1; i > 0; --i) {
    Entry entry{.term = next_.hard.term,
                .index = next_.snapshot.index + next_.entries.size() + 1,
                .kind = EntryKind::kCommand,
                .data = std::string(random_.Below(700), static_cast<char>('a' + i))};
    ready.entries.push_back(entry);
    next_.entries.push_back(std::move(entry));
  }
  ready.hard_state = next_.hard;
  ready.must_sync = true;
  return wal.Write(ready);
}

absl::Status WalHistory::Compact(Wal& wal) {
  const size_t upto = random_.Below(next_.entries.size()) + 1;
  next_.snapshot.index = next_.entries[upto - 1].index;
  next_.snapshot.term = next_.entries[upto - 1].term;
  next_.snapshot.state = std::string(random_.Below(2000), 's');
  next_.entries.erase(next_.entries.begin(), next_.entries.begin() + static_cast<ptrdiff_t>(upto));
  return wal.Compact(next_.snapshot, next_.entries);
}

std::string WalHistory::Judge(const Saved& found) {
  if (next_.Is(found)) acknowledged_ = next_;
  if (acknowledged_.Is(found)) return "";
  return absl::StrCat("found term ", found.hard.term, " for ", acknowledged_.hard.term,
                      ", entries ", found.entries.size(), " for ", acknowledged_.entries.size());
}

std::string FailPowerEverywhere(uint64_t seeds) {
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SimulatedDisk disk(seed);
    WalHistory history(seed);
    for (uint64_t at = 1; at <= 120; ++at) {
      auto opened = OpenOn(disk, 3000);
      std::string failure =
          opened.ok() ? history.Judge(opened->saved) : std::string(opened.status().message());
      if (!failure.empty()) return absl::StrCat("seed ", seed, " at ", at, ": ", failure);
      disk.SetPowerFailsAfter(at % 60 + 1);
      for (int i = 0; i < 12 && history.Write(*opened->wal).ok(); ++i) {
      }
      disk.Crash();
      disk.SetPowerFailsAfter(at % 11 + 1);  // And while it is opened.
      (void)OpenOn(disk, 3000);
      disk.Crash();
    }
  }
  return "";
}

std::string FlipEveryBit() {
  SimulatedDisk disk(1);
  {
    auto opened = OpenOn(disk);
    Ready ready;
    ready.must_sync = true;
    for (Term term = 1; term <= 2; ++term) {
      ready.hard_state = HardState{term, 1, 0};
      ready.entries = {{term, 2 * term - 1, EntryKind::kNoop},
                       {term, 2 * term, EntryKind::kCommand, {}, "a"}};
      if (!opened.ok() || !opened->wal->Write(ready).ok()) return "it can't be written";
    }
  }
  const auto names = disk.List(kWalDirectory);
  for (const std::string& name : *names) {
    const std::string path = absl::StrCat(kWalDirectory, "/", name);
    const std::string sound = *disk.Contents(path);
    for (size_t bit = 0; bit < sound.size() * 8; ++bit) {
      SimulatedDisk other(1);
      for (const std::string& each : *names) {
        const std::string its = absl::StrCat(kWalDirectory, "/", each);
        other.Put(its, *disk.Contents(its));
      }
      std::string damaged = sound;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      other.Put(path, damaged);
      const absl::Status refused = OpenOn(other).status();
      const bool told =
          absl::IsDataLoss(refused) &&
          std::string(refused.message()).find(path + " is damaged") != std::string::npos;
      if (!told) return absl::StrCat(path, ", bit ", bit, ": ", refused.ToString());
    }
  }
  return "";
}

}  // namespace henge::consensus::testing
