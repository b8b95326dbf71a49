// SPDX-License-Identifier: Apache-2.0
#include "cluster/consensus/wal.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cluster/consensus/testing/text.h"
#include "cluster/consensus/testing/wal_faults.h"
#include "persistence/simulated_disk.h"

namespace henge::consensus {
namespace {

using persistence::SimulatedDisk;
using testing::ParseEntry;
using testing::Text;

using testing::FirstSnapshot;
using testing::OpenOn;
using testing::WalHistory;

const std::string kDirectory = testing::kWalDirectory;

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
    EXPECT_EQ(*opened->saved.snapshot, *FirstSnapshot());
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
  EXPECT_EQ(*opened->saved.snapshot, *FirstSnapshot());
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

  Snapshot snapshot = *FirstSnapshot();
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

TEST(Wal, LosesNothingAcknowledgedWhereverThePowerFails) {
  EXPECT_EQ(testing::FailPowerEverywhere(20), "");
}

TEST(Wal, AFullDiskRefusesAndGoesOnWhenThereIsRoom) {
  for (uint64_t space = 0; space < 3000; space += 37) {
    SimulatedDisk disk(space);
    WalHistory history(space);
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
  EXPECT_FALSE(opened->wal->Compact(*FirstSnapshot(), {}).ok());
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

TEST(Wal, DamageIsRefusedWithItsPlace) { EXPECT_EQ(testing::FlipEveryBit(), ""); }

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
