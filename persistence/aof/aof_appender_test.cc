// SPDX-License-Identifier: Apache-2.0
// The steps of writing an AOF on a disk that fails: whatever happens, what a crash leaves can be
// loaded, has all that was said to be durable, and knows its place in the stream.
#include "persistence/aof/aof_appender.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "base/numbers.h"
#include "base/random.h"
#include "base/strings.h"
#include "persistence/aof/aof_parser.h"
#include "persistence/simulated_disk.h"

namespace henge::persistence {
namespace {

constexpr char kFolder[] = "dir";
constexpr char kName[] = "a.aof";

// A server's life: units are numbered, and each says its number. A base is a text that says how
// many units are in it.
class Life {
 public:
  explicit Life(uint64_t seed) : random_(seed), disk_(seed * 7 + 1) {}

  // Loads what is on the disk and starts to write behind it; false if the power fails first.
  bool Start() {
    appender_.reset();
    journal_.reset();
    files_.emplace(disk_, kFolder, kName);
    const absl::Status loaded = files_->Load();
    EXPECT_TRUE(loaded.ok()) << loaded;
    units_ = Recover();
    EXPECT_GE(units_, durable_units_);
    EXPECT_LE(units_, started_units_);
    files_->RemoveLeftovers();
    files_->DeleteHistory().IgnoreError();
    durable_units_ = started_units_ = units_;
    limits_.chunk_bytes = 100 + random_.Below(300);
    limits_.backlog_bytes = 0;
    journal_.emplace(limits_);
    gate_.emplace();
    unit_ends_.assign(1, 0);
    first_unit_ = units_;
    ++life_;
    places_.emplace();
    Rename();  // Whoever writes behind what was there says so.
    snapshot_.reset();
    // Or the AOF is off at first: some units are in no file.
    const bool apart = random_.Below(4) == 0;
    absl::StatusOr<AofFiles::Increment> increment =
        apart ? files_->StartApart() : files_->OpenLastIncrement();
    if (!increment.ok()) return false;
    if (apart) {
      snapshot_ = units_ += random_.Below(10);
      first_unit_ = started_units_ = units_;
    }
    appender_.emplace(*files_, &*gate_, clock_, journal_->AttachAtEnd({.mandatory = true}),
                      *std::move(increment), &*places_);
    appender_->SetPolicy(random_.Below(4) == 0 ? FsyncPolicy::kNo : FsyncPolicy::kAlways);
    appender_->SetTimestamps(random_.Below(2) == 0);
    return true;
  }

  void Step() {
    clock_.Advance(static_cast<int64_t>(random_.Below(700)));
    switch (random_.Below(14)) {
      case 13:
        if (random_.Below(3) == 0) Rename();
        return;
      case 12:
        return MakeRoom();
      case 0:
        return BeginRewrite();
      case 1:
        return FinishRewrite();
      case 2:
        return Trouble();
      case 3:
      case 4:
      case 5:
        appender_->Write().IgnoreError();
        return;
      case 6:
        return SyncApart();
      case 7:
        appender_->Sync().IgnoreError();
        return Note();
      default:
        return AppendUnit();
    }
  }

  // Once all trouble is over, everything gets to the disk.
  void Settle() {
    disk_.SetSpace(std::nullopt);
    disk_.SetSyncFails(false);
    for (int i = 0; i < 1000; ++i) {
      const absl::StatusOr<bool> wrote = appender_->Write();
      if (!wrote.ok()) continue;
      if (!*wrote && appender_->Sync().ok() && !appender_->unsynced()) break;
    }
    Note();
    if (!disk_.powered()) return;
    if (appender_->apart()) return;
    EXPECT_EQ(durable_units_, units_);
    EXPECT_EQ(appender_->held(), journal_->end());
  }

  SimulatedDisk& disk() { return disk_; }
  Random& random() { return random_; }
  uint64_t units() const { return units_; }
  // How often a crash left a file that knew its place.
  int places_told() const { return places_told_; }

 private:
  void AppendUnit() {
    const std::string number = std::to_string(units_);
    const std::string filler(random_.Below(random_.Below(10) == 0 ? 1500 : 20), 'x');
    const std::string_view words[] = {"SET", number, filler};
    std::vector<Effect> unit(1 + random_.Below(2), Effect{static_cast<DbIndex>(units_ % 2), words});
    unit_ends_.push_back(journal_->Append(unit));
    ++units_;
    started_units_ = units_;
    if (random_.Below(10) == 0) {
      const std::string_view ping[] = {"PING"};
      journal_->AppendControl(ping);
    }
  }

  // What is appended from here on is of another stream; or nobody knows of which.
  void Rename() {
    const Lsn end = journal_->end();
    if (random_.Below(6) == 0) return places_->Put(end, {});
    const auto shift = static_cast<int64_t>(random_.Below(100000));
    const std::string name(1 + random_.Below(80), static_cast<char>('a' + streams_.size() % 26));
    const std::string unique = std::to_string(streams_.size()) + name;
    streams_[unique] = {life_, shift};
    places_->Put(end, {unique, static_cast<int64_t>(end) + shift});
  }

  // `last`: of the file that is written, the place of its end.
  void CheckPlace(const std::optional<StreamPlace>& last, uint64_t units) {
    if (!last) return;
    const auto stream = streams_.find(last->name);
    ASSERT_NE(stream, streams_.end()) << last->name;
    const auto& [first, ends] = lives_.at(stream->second.life);
    const auto lsn = static_cast<Lsn>(last->offset - stream->second.shift);
    ASSERT_GE(units, first);
    ASSERT_LT(units - first, ends.size());
    EXPECT_GE(lsn, ends[units - first]) << last->name;
    if (units - first + 1 < ends.size()) {
      EXPECT_LT(lsn, ends[units - first + 1]) << last->name;
    }
    ++places_told_;
  }

  // What the gate promises.
  void Note() {
    if (appender_->apart()) return;
    durable_units_ = std::max(durable_units_, first_unit_);
    const Lsn durable = gate_->at(CommitMark::kDurable);
    while (first_unit_ + unit_ends_.size() - 1 > durable_units_ &&
           unit_ends_[durable_units_ - first_unit_ + 1] <= durable) {
      ++durable_units_;
    }
  }

  void BeginRewrite() {
    if (snapshot_) return;
    appender_->Mark(journal_->Cut());
    snapshot_ = units_;
  }

  void FinishRewrite() {
    if (!snapshot_ || appender_->marked()) return;
    const std::string text = std::to_string(*snapshot_);
    snapshot_.reset();
    if (random_.Below(4) == 0) return;  // The snapshot failed.
    const std::string path = files_->TemporaryBasePath();
    {
      auto file = disk_.Open(path, FileSystem::Opening::kCreateOrEmpty);
      const std::string_view pieces[] = {text};
      if (!file.ok() || !(*file)->Append(pieces).status.ok() || !(*file)->Sync().ok()) return;
    }
    const auto sequence = files_->InstallBase(path, BaseFormat::kAof, appender_->sequence());
    if (!sequence.ok()) return;
    appender_->Join(*sequence);
    Note();
    files_->DeleteHistory().IgnoreError();
  }

  // It is decided some time before it is done.
  void MakeRoom() {
    if (room_file_ != nullptr) {
      room_file_->Reserve(room_, ticket_).IgnoreError();
      room_file_ = nullptr;
      return;
    }
    if (appender_->WantedRoom() == 0) return;
    room_file_ = appender_->file();
    room_ = 100 + random_.Below(4000);
    ticket_ = room_file_->room_ticket();
  }

  void Trouble() {
    switch (random_.Below(4)) {
      case 0:
        return disk_.SetSpace(random_.Below(300));
      case 1:
        return disk_.SetSyncFails(true);
      default:
        disk_.SetSpace(std::nullopt);
        disk_.SetSyncFails(false);
    }
  }

  // A sync beside which others things happen.
  void SyncApart() {
    const auto job = appender_->BeginSync();
    if (!job) return;
    const absl::Status status = job->file->Sync();
    if (random_.Below(2) == 0) AppendUnit();
    appender_->Write().IgnoreError();
    appender_->EndSync(*job, status).IgnoreError();
    Note();
  }

  // Reads all parts as the manifest names them, cuts a torn tail, returns the number of units.
  uint64_t Recover() {
    uint64_t units = 0;
    lives_[life_] = {first_unit_, unit_ends_};
    PlaceReader place;
    const std::vector<AofPart> parts = files_->manifest().Loaded();
    for (const AofPart& part : parts) {
      const std::string path = files_->PathOf(part.name);
      const std::optional<std::string> content = disk_.Contents(path);
      EXPECT_TRUE(content.has_value()) << path;
      if (!content) return 0;
      if (files_->manifest().base == part) {
        units = ParseUint64(*content).value_or(0);
        continue;
      }
      AofParser parser(*content);
      place.Begin();
      AofParser::Result result;
      uint64_t before = 0;
      while ((result = parser.Next()) <= AofParser::Result::kAnnotation) {
        if (result == AofParser::Result::kUnit) {
          CheckUnit(parser, units);
          place.OnUnit(parser.good_until() - before);
        } else {
          place.OnAnnotation(parser.annotation());
        }
        before = parser.good_until();
      }
      if (result == AofParser::Result::kEnd) continue;
      if (parser.only_room()) {
        EXPECT_TRUE(CutRoom(disk_, path, parser.good_until()).ok());
        continue;
      }
      EXPECT_EQ(result, AofParser::Result::kTorn)
          << parser.reason() << " at " << parser.error_offset() << " of " << content->size();
      EXPECT_EQ(part.name, parts.back().name) << "torn, and not the last";
      EXPECT_TRUE(CutTail(disk_, path, parser.good_until()).ok());
    }
    CheckPlace(place.place(), units);
    return units;
  }

  static void CheckUnit(const AofParser& parser, uint64_t& units) {
    bool sets = false;
    for (size_t i = 0; i < parser.commands(); ++i) {
      const auto words = parser.command(i);
      if (words[0] != "SET") continue;
      sets = true;
      EXPECT_EQ(words[1], std::to_string(units));
      EXPECT_EQ(words[2].find_first_not_of('x'), std::string_view::npos);
    }
    if (sets) ++units;  // A SELECT may stand alone.
  }

  Random random_;
  SimulatedDisk disk_;
  ManualClock clock_;
  JournalLimits limits_;
  std::optional<AofFiles> files_;
  std::optional<Journal> journal_;
  std::optional<CommitGate> gate_;
  std::optional<StreamPlaces> places_;
  std::optional<AofAppender> appender_;
  struct Stream {
    int life;
    int64_t shift;  // An offset minus its LSN.
  };
  std::map<std::string, Stream> streams_;
  std::map<int, std::pair<uint64_t, std::vector<Lsn>>> lives_;  // first_unit_ and unit_ends_.
  int life_ = 0;
  int places_told_ = 0;
  std::shared_ptr<File> room_file_;  // In which there is to be room.
  uint64_t room_ = 0;
  uint64_t ticket_ = 0;
  uint64_t first_unit_ = 0;     // Of this journal.
  std::vector<Lsn> unit_ends_;  // Of its units; before the first, 0.
  uint64_t units_ = 0;
  uint64_t started_units_ = 0;
  uint64_t durable_units_ = 0;
  std::optional<uint64_t> snapshot_;  // How many units are in the base that is being written.
};

TEST(AofAppender, EveryCrashLeavesACompleteSetWithAllThatWasDurable) {
  int places_told = 0;
  for (uint64_t seed = 1; seed <= 1000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Life life(seed);
    for (int crash = 0; crash < 6; ++crash) {
      SCOPED_TRACE("crash " + std::to_string(crash));
      if (!life.Start()) {
        life.disk().Crash();
        continue;
      }
      if (life.random().Below(4) > 0) life.disk().SetPowerFailsAfter(life.random().Below(150));
      for (int i = 0; i < 150 && life.disk().powered(); ++i) life.Step();
      if (life.disk().powered() && life.random().Below(2) == 0) life.Settle();
      life.disk().SetSpace(std::nullopt);
      life.disk().SetSyncFails(false);
      life.disk().Crash();
      if (testing::Test::HasFailure()) return;
    }
    places_told += life.places_told();
  }
  EXPECT_GT(places_told, 2000);  // Of 5000 or so; others were renamed to nothing.
}

}  // namespace
}  // namespace henge::persistence
