// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/wal.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "cluster/consensus/testing/text.h"
#include "persistence/simulated_disk.h"

namespace henge::consensus {
namespace {

using persistence::SimulatedDisk;
using testing::ParseEntry;
using testing::Text;

const std::string kDirectory = "consensus";

SnapshotPtr First() {
  auto first = std::make_shared<Snapshot>();
  first->members = Membership({{1, true, "a:1"}, {2, true, "b:1"}});
  return first;
}

absl::StatusOr<Wal::Opened> OpenOn(SimulatedDisk& disk, uint64_t segment_bytes = 1 << 20) {
  return Wal::Open(disk, {kDirectory, segment_bytes}, First());
}

Ready Writing(HardState hard, const std::vector<std::string>& entries) {
  Ready ready;
  ready.hard_state = hard;
  for (const std::string& entry : entries) ready.entries.push_back(*ParseEntry(entry));
  ready.must_sync = true;
  return ready;
}

std::string Log(const Saved& saved) { return Text(std::span(saved.entries)); }

std::string Segment(uint64_t number) { return kDirectory + "/" + SegmentName(number); }

std::vector<std::string> Names(SimulatedDisk& disk) { return *disk.List(kDirectory); }

void CopyFiles(SimulatedDisk& from, SimulatedDisk& to, const std::string& but = "") {
  for (const std::string& name : Names(from)) {
    const std::string path = kDirectory + "/" + name;
    if (name != but) to.Put(path, *from.Contents(path));
  }
}

TEST(Wal, GivesBackWhatWasWritten) {
  SimulatedDisk disk(1);
  {
    auto opened = OpenOn(disk);
    ASSERT_TRUE(opened.ok()) << opened.status();
    EXPECT_TRUE(opened->fresh);
    EXPECT_EQ(*opened->saved.snapshot, *First());
    ASSERT_TRUE(opened->wal->Write(Writing({1, 2, 0}, {"1.1", "2.1:a", "3.1:b"})).ok());
    ASSERT_TRUE(opened->wal->Write(Writing({2, 0, 1}, {"2.2:c"})).ok());
  }
  disk.Crash();
  auto opened = OpenOn(disk);
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_FALSE(opened->fresh);
  EXPECT_EQ(opened->torn, "");
  EXPECT_EQ(opened->saved.hard, (HardState{2, 0, 1}));
  EXPECT_EQ(Log(opened->saved), "1.1 2.2:c");
  EXPECT_EQ(*opened->saved.snapshot, *First());
}

TEST(Wal, SegmentsFollowEachOtherAndGoWithASnapshot) {
  SimulatedDisk disk(1);
  auto opened = OpenOn(disk, 200);
  ASSERT_TRUE(opened.ok());
  Wal& wal = *opened->wal;
  for (Index i = 1; i <= 20; ++i) {
    const std::string entry = std::to_string(i) + ".1:" + std::string(30, 'x');
    ASSERT_TRUE(wal.Write(Writing({1, 1, i - 1}, {entry})).ok());
  }
  EXPECT_GT(Names(disk).size(), 5u);
  auto again = OpenOn(disk, 200);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->saved.entries.size(), 20u);
  EXPECT_EQ(Names(disk).size(), 2u);

  Snapshot snapshot = *First();
  snapshot.index = 18;
  snapshot.term = 1;
  snapshot.state = "eighteen";
  const std::span<const Entry> tail = std::span(again->saved.entries).subspan(18);
  ASSERT_TRUE(again->wal->Compact(snapshot, tail).ok());
  EXPECT_EQ(Names(disk).size(), 2u);
  disk.Crash();
  auto last = OpenOn(disk);
  ASSERT_TRUE(last.ok()) << last.status();
  EXPECT_EQ(*last->saved.snapshot, snapshot);
  EXPECT_EQ(last->saved.entries.front().index, 19u);
  EXPECT_EQ(last->saved.hard, (HardState{1, 1, 19}));
}

TEST(Wal, ASnapshotThatArrivesReplacesEverything) {
  SimulatedDisk disk(1);
  auto opened = OpenOn(disk);
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(opened->wal->Write(Writing({1, 1, 0}, {"1.1", "2.1:a"})).ok());
  Ready ready = Writing({3, 0, 9}, {"10.3:z"});
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->index = 9;
  snapshot->term = 3;
  snapshot->state = std::string(5000, 's');
  ready.snapshot = snapshot;
  ASSERT_TRUE(opened->wal->Write(ready).ok());
  disk.Crash();
  auto again = OpenOn(disk);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(*again->saved.snapshot, *snapshot);
  EXPECT_EQ(Log(again->saved), "10.3:z");
  EXPECT_EQ(again->saved.hard, (HardState{3, 0, 9}));
}

// Runs a history in which each write adds an entry, or compacts; gives what was acknowledged.
struct History {
  explicit History(uint64_t seed) : random(seed) {}
  Random random;
  HardState hard;
  std::vector<Entry> entries;  // Acknowledged, behind the snapshot.
  Snapshot snapshot = *First();
  HardState next_hard;  // What the last write was about, acknowledged or not.
  std::vector<Entry> next_entries;
  Snapshot next_snapshot = *First();

  absl::Status Write(Wal& wal) {
    next_hard = hard;
    next_entries = entries;
    next_snapshot = snapshot;
    if (random.Below(8) == 0 && !entries.empty()) return Compact(wal);
    Ready ready;
    ++next_hard.term;
    const size_t keep = entries.empty() ? 0 : entries.size() - random.Below(2);
    next_entries.resize(keep);
    for (uint64_t i = random.Below(3) + 1; i > 0; --i) {
      Entry entry{.term = next_hard.term,
                  .index = snapshot.index + next_entries.size() + 1,
                  .kind = EntryKind::kCommand,
                  .data = std::string(random.Below(700), static_cast<char>('a' + i))};
      ready.entries.push_back(entry);
      next_entries.push_back(std::move(entry));
    }
    ready.hard_state = next_hard;
    ready.must_sync = true;
    return Settle(wal.Write(ready));
  }
  absl::Status Compact(Wal& wal) {
    const size_t upto = random.Below(entries.size()) + 1;
    next_snapshot.index = entries[upto - 1].index;
    next_snapshot.term = entries[upto - 1].term;
    next_snapshot.state = std::string(random.Below(2000), 's');
    next_entries.erase(next_entries.begin(), next_entries.begin() + static_cast<ptrdiff_t>(upto));
    return Settle(wal.Compact(next_snapshot, next_entries));
  }
  absl::Status Settle(absl::Status status) {
    if (status.ok()) Accept();
    return status;
  }
  void Accept() {
    hard = next_hard;
    entries = next_entries;
    snapshot = next_snapshot;
  }
  // Found may be what was acknowledged, or what was about to be.
  std::string Judge(const Saved& found) {
    const auto is = [&](const HardState& h, const std::vector<Entry>& e, const Snapshot& s) {
      return found.hard == h && found.entries == e && *found.snapshot == s;
    };
    if (is(next_hard, next_entries, next_snapshot)) {
      Accept();
      return "";
    }
    if (is(hard, entries, snapshot)) return "";
    return "found term " + std::to_string(found.hard.term) + " for " + std::to_string(hard.term) +
           ", entries " + std::to_string(found.entries.size()) + " for " +
           std::to_string(entries.size());
  }
};

TEST(Wal, LosesNothingAcknowledgedWhereverThePowerFails) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    SimulatedDisk disk(seed);
    History history(seed);
    bool crash_again = true;
    for (uint64_t at = 1; crash_again; ++at) {
      auto opened = OpenOn(disk, 3000);
      ASSERT_TRUE(opened.ok()) << "seed " << seed << " at " << at << ": " << opened.status();
      ASSERT_EQ(history.Judge(opened->saved), "") << "seed " << seed << " at " << at;
      disk.SetPowerFailsAfter(at % 60 + 1);
      for (int i = 0; i < 12 && history.Write(*opened->wal).ok(); ++i) {
      }
      disk.Crash();
      crash_again = at < 120;
      // And while it is opened.
      disk.SetPowerFailsAfter(at % 11 + 1);
      (void)OpenOn(disk, 3000);
      disk.Crash();
    }
  }
}

TEST(Wal, AFullDiskRefusesAndGoesOnWhenThereIsRoom) {
  for (uint64_t space = 0; space < 3000; space += 37) {
    SimulatedDisk disk(space);
    History history(space);
    auto opened = OpenOn(disk, 1000);
    ASSERT_TRUE(opened.ok());
    disk.SetSpace(space);
    int refused = 0;
    for (int i = 0; i < 30; ++i) {
      if (!history.Write(*opened->wal).ok()) ++refused;
    }
    EXPECT_GT(refused, 0);
    disk.SetSpace(std::nullopt);
    EXPECT_TRUE(history.Write(*opened->wal).ok()) << space;
    disk.Crash();
    auto again = OpenOn(disk, 1000);
    ASSERT_TRUE(again.ok()) << again.status();
    EXPECT_EQ(history.Judge(again->saved), "") << space;
  }
}

TEST(Wal, AFailedSyncEndsIt) {
  SimulatedDisk disk(1);
  auto opened = OpenOn(disk);
  ASSERT_TRUE(opened.ok());
  ASSERT_TRUE(opened->wal->Write(Writing({1, 1, 0}, {"1.1"})).ok());
  disk.SetSyncFails(true);
  EXPECT_FALSE(opened->wal->Write(Writing({2, 1, 0}, {"2.2"})).ok());
  disk.SetSyncFails(false);
  EXPECT_FALSE(opened->wal->Write(Writing({2, 1, 0}, {"2.2"})).ok());
  EXPECT_FALSE(opened->wal->Compact(*First(), {}).ok());
  disk.Crash();
  auto again = OpenOn(disk);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(Log(again->saved).starts_with("1.1"));
}

TEST(Wal, ATornEndIsPassedOverAndTold) {
  for (const bool zeros : {false, true}) {
    SimulatedDisk disk(1);
    auto opened = OpenOn(disk);
    ASSERT_TRUE(opened.ok());
    ASSERT_TRUE(opened->wal->Write(Writing({1, 1, 0}, {"1.1", "2.1:a"})).ok());
    const size_t whole = disk.Contents(Segment(1))->size();
    ASSERT_TRUE(opened->wal->Write(Writing({2, 1, 0}, {"3.2:b", "4.2:c"})).ok());
    const std::string all = *disk.Contents(Segment(1));
    for (size_t size = whole + 1; size < all.size(); ++size) {
      SimulatedDisk other(1);
      CopyFiles(disk, other);
      std::string part = all.substr(0, size);
      if (zeros) part.resize(all.size());
      other.Put(Segment(1), part);
      auto again = OpenOn(other);
      ASSERT_TRUE(again.ok()) << size << ": " << again.status();
      ASSERT_EQ(Log(again->saved), "1.1 2.1:a") << size;
      ASSERT_EQ(again->torn, Segment(1) + " is torn at offset " + std::to_string(whole) + "; ");
    }
  }
}

TEST(Wal, DamageIsRefusedWithItsPlace) {
  SimulatedDisk disk(1);
  {
    auto opened = OpenOn(disk);
    ASSERT_TRUE(opened.ok());
    ASSERT_TRUE(opened->wal->Write(Writing({1, 1, 0}, {"1.1", "2.1:a"})).ok());
    ASSERT_TRUE(opened->wal->Write(Writing({2, 1, 0}, {"3.2:b", "4.2:c"})).ok());
  }
  for (const std::string& name : Names(disk)) {
    const std::string path = kDirectory + "/" + name;
    const std::string sound = *disk.Contents(path);
    for (size_t bit = 0; bit < sound.size() * 8; ++bit) {
      SimulatedDisk other(1);
      CopyFiles(disk, other);
      std::string damaged = sound;
      damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
      other.Put(path, damaged);
      auto again = OpenOn(other);
      ASSERT_FALSE(again.ok()) << path << ", bit " << bit << ": " << Log(again->saved);
      ASSERT_EQ(again.status().code(), absl::StatusCode::kDataLoss);
      ASSERT_NE(std::string(again.status().message()).find(path + " is damaged"),
                std::string::npos);
    }
  }
}

TEST(Wal, AMissingFileIsRefused) {
  SimulatedDisk disk(1);
  auto opened = OpenOn(disk, 100);
  ASSERT_TRUE(opened.ok());
  for (Index i = 1; i <= 5; ++i)
    ASSERT_TRUE(opened->wal->Write(Writing({1, 1, 0}, {std::to_string(i) + ".1:x"})).ok());
  const std::vector<std::string> names = Names(disk);
  ASSERT_GT(names.size(), 4u);
  for (const std::string& missing : names) {
    if (missing == SegmentName(names.size() - 1)) continue;  // Nobody knows that there was a last.
    SimulatedDisk other(1);
    CopyFiles(disk, other, missing);
    EXPECT_FALSE(OpenOn(other).ok()) << missing;
  }
}

}  // namespace
}  // namespace henge::consensus
