// SPDX-License-Identifier: Apache-2.0
#include "persistence/aof/aof_writer.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "persistence/aof/aof_parser.h"
#include "persistence/simulated_disk.h"

namespace henge::persistence {
namespace {

// Units numbered from 0, as "SET <number> x…".
class Numbers {
 public:
  explicit Numbers(Journal& journal) : journal_(journal) {}
  Lsn Append(size_t size = 1) {
    const std::string number = std::to_string(count_++);
    const std::string value(size, 'x');
    const std::string_view words[] = {"SET", number, value};
    const Effect unit[] = {{0, words}};
    const Lsn end = journal_.Append(unit);
    journal_.WakeReaders();
    return end;
  }
  uint64_t count() const { return count_; }

 private:
  Journal& journal_;
  uint64_t count_ = 0;
};

// The numbers in the files that the manifest names, without the base.
std::vector<std::string> NumbersIn(SimulatedDisk& disk) {
  AofFiles files(disk, "dir", "a");
  EXPECT_TRUE(files.Load().ok());
  std::vector<std::string> numbers;
  for (const AofPart& part : files.manifest().increments) {
    const std::string content = disk.Contents(files.PathOf(part.name)).value_or("");
    AofParser parser(content);
    while (parser.Next() <= AofParser::Result::kAnnotation) {
      if (parser.commands() > 0 && parser.command(0)[0] == "SET") {
        numbers.emplace_back(parser.command(0)[1]);
      }
    }
    EXPECT_TRUE(parser.reason().empty() || parser.only_room()) << parser.reason();
  }
  return numbers;
}

std::vector<std::string> Range(uint64_t from, uint64_t to) {
  std::vector<std::string> numbers;
  for (uint64_t i = from; i < to; ++i) numbers.push_back(std::to_string(i));
  return numbers;
}

bool Eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return false;
}

class AofWriterTest : public testing::TestWithParam<FsyncPolicy> {
 protected:
  AofWriterOptions Options(FsyncPolicy policy) {
    return {.policy = policy,
            .sync_interval = std::chrono::milliseconds(20),
            .retry = std::chrono::milliseconds(5),
            .room_from = std::chrono::microseconds(0)};
  }
  void Make(FsyncPolicy policy) {
    writer_.emplace(AofFiles(disk_, "dir", "a"), journal_, &gate_, SystemClock(), Options(policy));
  }
  void PutBase() { disk_.Put(writer_->temporary_base(), "a base"); }
  bool Durable(Lsn lsn) { return gate_.at(CommitMark::kDurable) >= lsn; }

  SimulatedDisk disk_{1};
  Journal journal_{JournalLimits{.chunk_bytes = 1000, .backlog_bytes = 0, .room_bytes = 100000}};
  CommitGate gate_;
  std::optional<AofWriter> writer_;
  Numbers numbers_{journal_};
};

TEST_P(AofWriterTest, WritesWhatIsAppendedAndSyncsByPolicy) {
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  for (int i = 0; i < 500; ++i) numbers_.Append();
  if (GetParam() != FsyncPolicy::kNo) {
    EXPECT_TRUE(Eventually([&] { return Durable(journal_.end()); }));
    EXPECT_EQ(writer_->status().durable, journal_.end());
  }
  EXPECT_TRUE(Eventually([&] { return writer_->status().buffer_bytes == 0; }));
  EXPECT_TRUE(Eventually([&] { return journal_.memory_bytes() < 2500; }));
  numbers_.Append();
  EXPECT_TRUE(writer_->Stop().ok());
  disk_.Crash();
  EXPECT_EQ(NumbersIn(disk_), Range(0, 501));
}

TEST_P(AofWriterTest, RewritesWhileUnitsAreAppended) {
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  uint64_t kept = 0;
  for (int round = 0; round < 5; ++round) {
    for (int i = 0; i < 200; ++i) numbers_.Append();
    kept = numbers_.count();
    writer_->BeginRewrite();
    for (int i = 0; i < 50; ++i) numbers_.Append();
    PutBase();
    if (round == 3) {
      writer_->AbandonRewrite();
      continue;
    }
    const absl::Status status = writer_->FinishRewrite(BaseFormat::kRdb);
    ASSERT_TRUE(status.ok()) << status;
    EXPECT_TRUE(writer_->manifest().history.empty());
  }
  EXPECT_TRUE(writer_->Stop().ok());
  disk_.Crash();
  EXPECT_EQ(NumbersIn(disk_), Range(kept, numbers_.count()));
  EXPECT_EQ(writer_->manifest().base->name, "a.4.base.rdb");
}

TEST_P(AofWriterTest, AFullDiskIsAStateThatHeals) {
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  numbers_.Append();
  ASSERT_TRUE(Eventually([&] { return writer_->status().buffer_bytes == 0; }));
  disk_.SetSpace(100);
  for (int i = 0; i < 100; ++i) numbers_.Append();
  numbers_.Append(1000);  // More than goes into room.
  EXPECT_TRUE(Eventually([&] { return !writer_->healthy(); }));
  EXPECT_EQ(writer_->error_reason(), "No space left on device");
  EXPECT_FALSE(Durable(journal_.end()));
  disk_.SetSpace(std::nullopt);
  EXPECT_TRUE(Eventually([&] { return writer_->healthy(); }));
  EXPECT_TRUE(writer_->Stop().ok());
  disk_.Crash();
  EXPECT_EQ(NumbersIn(disk_), Range(0, 102));
}

TEST_P(AofWriterTest, LeavesNoRoomBehind) {
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  const std::string path = "dir/a.1.incr.aof";
  numbers_.Append();
  if (GetParam() == FsyncPolicy::kAlways) {  // Which alone makes some.
    EXPECT_TRUE(
        Eventually([&] { return disk_.Contents(path)->ends_with(std::string(100, '\0')); }));
    EXPECT_EQ(writer_->status().current_bytes, 23u + 27u);
  }
  numbers_.Append();
  EXPECT_TRUE(writer_->Stop().ok());
  EXPECT_TRUE(disk_.Contents(path)->ends_with("x\r\n"));
}

TEST_P(AofWriterTest, AFailedSyncIsWrittenAgain) {
  if (GetParam() == FsyncPolicy::kNo) return;
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  disk_.SetSyncFails(true);
  for (int i = 0; i < 100; ++i) numbers_.Append();
  EXPECT_TRUE(Eventually([&] { return !writer_->healthy(); }));
  EXPECT_EQ(writer_->error_reason(), "Input/output error");
  disk_.SetSyncFails(false);
  EXPECT_TRUE(Eventually([&] { return writer_->healthy() && Durable(journal_.end()); }));
  disk_.Crash();
  EXPECT_EQ(NumbersIn(disk_), Range(0, 100));
}

TEST_P(AofWriterTest, TurnedOnAtRunTimeStandsApartUntilThereIsABase) {
  Make(GetParam());
  for (int i = 0; i < 10; ++i) numbers_.Append();
  ASSERT_TRUE(writer_->StartApart().ok());
  numbers_.Append();
  EXPECT_EQ(writer_->BeginRewrite(), journal_.end());
  for (int i = 0; i < 10; ++i) numbers_.Append();
  EXPECT_TRUE(writer_->status().apart);
  writer_->AbandonRewrite();
  EXPECT_EQ(NumbersIn(disk_), Range(0, 0));
  const uint64_t kept = numbers_.count();
  writer_->BeginRewrite();
  for (int i = 0; i < 10; ++i) numbers_.Append();
  PutBase();
  ASSERT_TRUE(writer_->FinishRewrite(BaseFormat::kRdb).ok());
  EXPECT_FALSE(writer_->status().apart);
  numbers_.Append();
  EXPECT_TRUE(writer_->Stop().ok());
  disk_.Crash();
  EXPECT_EQ(NumbersIn(disk_), Range(kept, numbers_.count()));
  EXPECT_EQ(FormatManifest(writer_->manifest()),
            "file a.1.base.rdb seq 1 type b\nfile a.1.incr.aof seq 1 type i\n");
}

TEST_P(AofWriterTest, ReleasesTheGateForManyThreads) {
  Make(GetParam());
  ASSERT_TRUE(writer_->Start().ok());
  if (GetParam() == FsyncPolicy::kNo) return;
  const auto work = [&] {
    Doorbell bell;
    CommitQueue queue(gate_, CommitNeed(CommitMark::kDurable), [&] { bell.Ring(); });
    for (int i = 0; i < 200; ++i) {
      const std::string_view words[] = {"SET", "k", "x"};
      const Effect unit[] = {{0, words}};
      queue.Hold(journal_.Append(unit), 1);
      journal_.WakeReaders();
      if (i % 10 != 0) continue;
      while (!queue.empty()) {
        ASSERT_TRUE(bell.Wait(std::chrono::seconds(20)));
        queue.Release([](uint64_t) {});
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(work);
  for (int i = 0; i < 3; ++i) {
    writer_->BeginRewrite();
    PutBase();
    EXPECT_TRUE(writer_->FinishRewrite(BaseFormat::kAof).ok());
    writer_->SetPolicy(i % 2 == 0 ? FsyncPolicy::kAlways : GetParam());
  }
  for (std::thread& thread : threads) thread.join();
}

INSTANTIATE_TEST_SUITE_P(Policies, AofWriterTest,
                         testing::Values(FsyncPolicy::kAlways, FsyncPolicy::kEverySecond,
                                         FsyncPolicy::kNo));

// The same on a real disk.
TEST(AofWriterOnDisk, WritesFilesThatCanBeReadAgain) {
  char folder[] = "/tmp/henge-aof-XXXXXX";
  ASSERT_NE(mkdtemp(folder), nullptr);
  FileSystem& disk = PosixFileSystem();
  const std::string directory = JoinPath(folder, "appendonlydir");
  Journal journal({});
  Numbers numbers(journal);
  for (int life = 0; life < 3; ++life) {
    AofFiles files(disk, directory, "a");
    ASSERT_TRUE(files.Load().ok());
    AofWriter writer(std::move(files), journal, nullptr, SystemClock(),
                     {.policy = FsyncPolicy::kAlways, .timestamps = true});
    const absl::Status started = writer.Start();
    ASSERT_TRUE(started.ok()) << started;
    for (int i = 0; i < 100; ++i) numbers.Append();
    if (life == 1) {
      writer.BeginRewrite();
      auto base = disk.Open(writer.temporary_base(), FileSystem::Opening::kCreateOrEmpty);
      ASSERT_TRUE(base.ok());
      ASSERT_TRUE(writer.FinishRewrite(BaseFormat::kAof).ok());
    }
    ASSERT_TRUE(writer.Stop().ok());
    EXPECT_EQ(writer.status().current_bytes > 0, life != 1);
  }
  AofFiles files(disk, directory, "a");
  ASSERT_TRUE(files.Load().ok());
  ASSERT_EQ(files.manifest().increments.size(), 1u);
  const std::string path = files.PathOf(files.manifest().increments[0].name);
  {
    const auto contents = disk.Read(path);
    ASSERT_TRUE(contents.ok());
    AofParser parser((*contents)->bytes());
    EXPECT_EQ(parser.Next(), AofParser::Result::kAnnotation);
    uint64_t units = 0;
    AofParser::Result result;
    while ((result = parser.Next()) <= AofParser::Result::kAnnotation) {
      if (result == AofParser::Result::kUnit && parser.command(0)[0] == "SET") ++units;
    }
    EXPECT_EQ(result, AofParser::Result::kEnd) << parser.reason();
    EXPECT_EQ(units, 100u);
  }
  const absl::StatusOr<std::string> cut = CutTail(disk, path, 5);
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_EQ(disk.Size(path).value_or(0), 5u);
  const auto names = disk.List(directory);
  ASSERT_TRUE(names.ok());
  EXPECT_EQ(names->size(), 4u);  // Manifest, base, increment, what was cut.
  for (const std::string& name : *names) EXPECT_TRUE(disk.Remove(JoinPath(directory, name)).ok());
  rmdir(directory.c_str());
  rmdir(folder);
}

}  // namespace
}  // namespace henge::persistence
