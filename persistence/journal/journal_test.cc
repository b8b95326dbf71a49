// SPDX-License-Identifier: Apache-2.0
#include "persistence/journal/journal.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "persistence/journal/doorbell.h"
#include "persistence/journal/unit_encoding.h"

namespace henge::persistence {
namespace {

// One unit as the test thinks of it.
struct Unit {
  std::vector<std::pair<DbIndex, std::string>> effects;  // Each is SET k <text>.
  Slot slot = kNoSlot;
  bool wire = false;  // As one that came encoded;
  bool blob = false;  // if so, in a blob, of which a large one is taken.

  template <class F>
  auto With(F&& use) const {
    std::vector<std::vector<std::string_view>> words;
    std::vector<Effect> list;
    for (const auto& [db, text] : effects) words.push_back({"SET", "k", text});
    std::vector<std::string> encoded;
    for (const auto& each : words) {
      encoded.emplace_back(wire ? MeasureCommand(each) : 0, '\0');
      if (wire) EncodeCommand(each, encoded.back().data());
    }
    for (size_t i = 0; i < words.size(); ++i) {
      list.push_back({effects[i].first, words[i], encoded[i]});
    }
    return use(std::span<const Effect>(list));
  }
  Lsn AppendTo(Journal& journal) const {
    return With([&](std::span<const Effect> unit) {
      if (!blob || unit.size() > 1) return journal.Append(unit, slot);
      // As read from a socket: the value is kept by the store, the command by the journal.
      BlobRef read = BlobRef::Adopt(Blob::New(unit[0].wire.size(), 0));
      std::memcpy(read->data(), unit[0].wire.data(), unit[0].wire.size());
      const Effect effect{unit[0].db, unit[0].words, read->view()};
      const ArgumentBlob arguments(read.get());
      const BlobRef value = ArgumentBlob::Keep(effect.wire.substr(
          effect.wire.size() - 2 - effects[0].second.size(), effects[0].second.size()));
      return journal.Append({&effect, 1}, slot);
    });
  }
  // What the stream gets if `db` was selected before it.
  std::string Bytes(int db) const {
    return With([&](std::span<const Effect> unit) {
      const UnitLayout layout = MeasureUnit(unit);
      std::string bytes(layout.total(), '\0');
      EncodeUnit(unit, layout, bytes.data());
      if (db == unit.front().db) bytes.erase(layout.opening, layout.select);
      return bytes;
    });
  }
};

// The stream as it must be, and where its records end.
struct Model {
  std::string stream;
  std::map<Lsn, RecordTag> ends;
  int db = -1;
  void Append(const Unit& unit) {
    const size_t before = stream.size();
    stream += unit.Bytes(db);
    if (unit.blob && unit.effects.size() == 1) {  // The SELECT may be a record of its own.
      ends[before + unit.Bytes(-1).size() - unit.Bytes(unit.effects[0].first).size()] = {
          unit.effects[0].first, unit.slot};
    }
    db = unit.effects.back().first;
    ends[stream.size()] = {unit.effects.back().first, unit.slot};
  }
};

Unit RandomUnit(Random& random, uint64_t longest) {
  Unit unit;
  const uint64_t effects = random.Below(8) == 0 ? 1 + random.Below(4) : 1;
  for (uint64_t i = 0; i < effects; ++i) {
    unit.effects.emplace_back(
        static_cast<DbIndex>(random.Below(3) * random.Below(2)),
        std::string(random.Below(longest), static_cast<char>('a' + random.Below(26))));
  }
  unit.slot = static_cast<Slot>(random.Below(kSlots));
  unit.wire = random.Below(2) == 0;
  unit.blob = unit.wire && random.Below(2) == 0;
  return unit;
}

// A reader, what it has seen, and that its records are the model's.
struct Follower {
  std::unique_ptr<JournalReader> reader;
  Lsn from = 0;
  std::string seen;
  bool lost = false;

  void Check(const JournalBatch& batch, const Model& model) {
    EXPECT_EQ(batch.begin(), from + seen.size());
    for (const Slice& slice : batch.slices()) {
      std::string joined;
      for (uint32_t i = 0; i < slice.size(); ++i) {
        const Record record = slice.record(i);
        const auto known = model.ends.find(record.end);
        ASSERT_NE(known, model.ends.end());
        EXPECT_EQ(record.tag.db, known->second.db);
        EXPECT_EQ(record.tag.slot, known->second.slot);
        EXPECT_EQ(record.begin, slice.begin() + joined.size());
        joined += record.bytes;
      }
      EXPECT_EQ(joined, slice.bytes());
      seen += joined;
    }
    EXPECT_EQ(batch.end(), from + seen.size());
  }
};

TEST(Journal, SelectsOnlyWhereTheDatabaseChanges) {
  Journal journal({});
  const Unit a{{{0, "a"}}, 7};
  const Unit b{{{1, "b"}}, 7};
  Model model;
  for (const Unit& unit : {a, a, b, b, a}) {
    model.Append(unit);
    EXPECT_EQ(unit.AppendTo(journal), model.stream.size());
  }
  auto reader = journal.Attach({}, 0);
  ASSERT_NE(reader, nullptr);
  const JournalBatch& batch = reader->Read(1 << 20);
  ASSERT_EQ(batch.slices().size(), 1u);
  EXPECT_EQ(batch.slices()[0].bytes(), model.stream);
  EXPECT_EQ(batch.slices()[0].size(), 5u);
  EXPECT_TRUE(reader->Read(1 << 20).empty());
}

TEST(Journal, RefersToALargeCommandWhereItLies) {
  Journal journal({.chunk_bytes = 1000, .backlog_bytes = 0});
  auto reader = journal.AttachAtEnd({.mandatory = true});
  const std::string value(5000, 'v');
  const std::vector<std::string_view> words = {"SET", "k", value};
  BlobRef blob = BlobRef::Adopt(Blob::New(MeasureCommand(words), 0));
  EncodeCommand(words, blob->data());
  const std::string_view wire = blob->view();
  Effect effect{1, words, wire};
  {
    const ArgumentBlob arguments(blob.get());
    journal.Append({&effect, 1});
    effect.wire = wire.substr(0, 3000);  // Not worth keeping all of it for.
    journal.Append({&effect, 1});
  }
  effect.wire = wire;
  journal.Append({&effect, 1});  // Nobody says any more that it may be kept.
  const JournalBatch& batch = reader->Read(1 << 20);
  ASSERT_EQ(batch.slices().size(), 4u);
  EXPECT_EQ(batch.slices()[0].bytes(), "*2\r\n$6\r\nSELECT\r\n$1\r\n1\r\n");
  EXPECT_EQ(batch.slices()[1].bytes().data(), wire.data());
  EXPECT_EQ(batch.slices()[1].bytes().size(), wire.size());
  EXPECT_NE(batch.slices()[2].bytes().data(), wire.data());
  EXPECT_EQ(batch.slices()[3].bytes(), wire);
  EXPECT_NE(batch.slices()[3].bytes().data(), wire.data());
  EXPECT_FALSE(blob->Unique());
  reader->Release(batch.end());
  reader->DropBatch();
  EXPECT_TRUE(blob->Unique());
}

TEST(Journal, ReadersSeeTheModelsStreamWhateverTheLimits) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    Random random(seed);
    const JournalLimits limits{.chunk_bytes = 64 + random.Below(400),
                               .backlog_bytes = random.Below(1000),
                               .room_bytes = 500 + random.Below(2000)};
    Journal journal(limits);
    Model model;
    std::vector<Follower> followers;
    for (int step = 0; step < 600; ++step) {
      SCOPED_TRACE("seed " + std::to_string(seed) + " step " + std::to_string(step));
      if (random.Below(3) > 0 && journal.HasRoom()) {
        const Unit unit = RandomUnit(random, random.Below(5) == 0 ? 900 : 40);
        model.Append(unit);
        ASSERT_EQ(unit.AppendTo(journal), model.stream.size());
      } else if (random.Below(20) == 0) {
        ASSERT_EQ(journal.Cut(), model.stream.size());
        model.db = -1;
      }
      if (followers.size() < 4 && random.Below(10) == 0) {
        const Lsn begin = journal.begin();
        const Lsn from = begin + random.Below(journal.end() - begin + 1);
        Follower follower{
            journal.Attach(
                {.mandatory = random.Below(2) == 0, .hold_bytes = random.Below(2000), .notify = {}},
                from),
            from};
        ASSERT_NE(follower.reader, nullptr);
        followers.push_back(std::move(follower));
      }
      if (followers.empty()) continue;
      Follower& follower = followers[random.Below(followers.size())];
      const uint64_t most = 1 + random.Below(1500);
      const JournalBatch& batch = follower.reader->Read(most);
      if (batch.lost()) {
        followers.erase(followers.begin() + (&follower - followers.data()));
        continue;
      }
      follower.Check(batch, model);
      ASSERT_EQ(model.stream.substr(follower.from, follower.seen.size()), follower.seen);
      EXPECT_TRUE(batch.end() - batch.begin() <= most ||
                  (batch.slices().size() == 1 && batch.slices()[0].size() == 1));
      if (random.Below(4) == 0) {  // Reads part of it again.
        const Lsn back = follower.reader->released() +
                         random.Below(batch.end() - follower.reader->released() + 1);
        if (back >= follower.from) {
          follower.reader->SeekTo(back);
          follower.seen.resize(back - follower.from);
        }
      } else {
        follower.reader->Release(batch.end());
      }
      if (random.Below(40) == 0) followers.erase(followers.begin());
    }
  }
}

TEST(Journal, KeepsWhatAMandatoryReaderHoldsAndAsksWritersToWait) {
  Journal journal({.chunk_bytes = 100, .backlog_bytes = 0, .room_bytes = 1000});
  auto reader = journal.AttachAtEnd({.mandatory = true});
  const Unit unit{{{0, std::string(50, 'x')}}};
  int callbacks = 0;
  EXPECT_FALSE(journal.CallWhenRoom([&] { ++callbacks; }));
  while (journal.HasRoom()) unit.AppendTo(journal);
  EXPECT_GE(journal.end(), 1000u);
  EXPECT_LT(journal.end(), 1100u);
  EXPECT_TRUE(journal.CallWhenRoom([&] { ++callbacks; }));
  reader->Release(reader->Read(100).end());
  EXPECT_EQ(callbacks, 0);  // A quarter must be free.
  reader->Release(reader->Read(1 << 20).end());
  EXPECT_EQ(callbacks, 1);
  EXPECT_TRUE(journal.HasRoom());
  EXPECT_LE(journal.memory_bytes(), 200u);  // The open chunk.
  unit.AppendTo(journal);
  reader.reset();
  EXPECT_EQ(callbacks, 1);
}

TEST(Journal, KeepsHardlyMoreThanTheBacklog) {
  Journal journal({});
  const Unit unit{{{0, std::string(1000, 'x')}}};
  for (const uint64_t backlog : {uint64_t{16} << 10, uint64_t{8} << 20, uint64_t{1} << 20}) {
    journal.SetBacklog(backlog);
    // So much that no chunk of another length is left.
    for (uint64_t begin = journal.end(); journal.end() - begin < backlog + (2 << 20);) {
      unit.AppendTo(journal);
    }
    const uint64_t kept = journal.end() - journal.begin();
    EXPECT_GE(kept, backlog);
    // What a chunk holds of it goes as a whole, and is looked at when one is opened.
    const uint64_t chunk = std::max<uint64_t>(backlog / 16, 16 << 10);
    EXPECT_LE(kept, backlog + 2 * chunk);
    EXPECT_LE(journal.memory_bytes(), backlog + 4 * chunk);
  }
}

TEST(Journal, AnOptionalReaderThatFallsBehindLosesItsPlace) {
  Journal journal({.chunk_bytes = 200, .backlog_bytes = 100, .room_bytes = 100});
  auto patient = journal.AttachAtEnd({.hold_bytes = 5000});
  auto hasty = journal.AttachAtEnd({});
  const Unit unit{{{0, std::string(50, 'x')}}};
  for (int i = 0; i < 20; ++i) unit.AppendTo(journal);
  EXPECT_TRUE(journal.HasRoom());
  EXPECT_FALSE(patient->Read(1).lost());
  EXPECT_FALSE(hasty->Read(1).lost());  // Held by the other.
  for (int i = 0; i < 100; ++i) unit.AppendTo(journal);
  EXPECT_TRUE(patient->Read(1).lost());
  EXPECT_TRUE(hasty->Read(1).lost());
  EXPECT_FALSE(hasty->Arm());
  EXPECT_EQ(journal.Attach({}, 0), nullptr);
  EXPECT_EQ(journal.Attach({}, journal.end() + 1), nullptr);
  EXPECT_NE(journal.Attach({}, journal.end() - 100), nullptr);
}

TEST(Journal, ABatchKeepsItsBytesThoughTheJournalDropsThem) {
  Journal journal({.chunk_bytes = 200, .backlog_bytes = 0, .room_bytes = 100});
  auto reader = journal.AttachAtEnd({});
  Unit{{{0, "the first"}}}.AppendTo(journal);
  const JournalBatch& batch = reader->Read(1 << 20);
  for (int i = 0; i < 50; ++i) Unit{{{0, std::string(60, 'x')}}}.AppendTo(journal);
  EXPECT_GT(journal.begin(), batch.end());
  EXPECT_NE(batch.slices()[0].bytes().find("the first"), std::string_view::npos);
}

TEST(Journal, ReadsUntilABoundaryAndNotBeyond) {
  Journal journal({.chunk_bytes = 100});
  auto reader = journal.AttachAtEnd({.mandatory = true});
  for (int i = 0; i < 5; ++i) Unit{{{0, "before"}}}.AppendTo(journal);
  const Lsn cut = journal.Cut();
  for (int i = 0; i < 5; ++i) Unit{{{0, "behind"}}}.AppendTo(journal);
  EXPECT_EQ(reader->Read(1 << 20, cut).end(), cut);
  EXPECT_TRUE(reader->Read(1 << 20, cut).empty());
  const JournalBatch& batch = reader->Read(1 << 20);
  EXPECT_EQ(batch.end(), journal.end());
  EXPECT_EQ(batch.slices()[0].bytes().substr(0, 14), "*2\r\n$6\r\nSELECT");
}

TEST(Journal, ControlWordsAreMarkedAndLeaveTheDatabaseSelected) {
  Journal journal({});
  auto reader = journal.AttachAtEnd({});
  const Unit unit{{{2, "x"}}};
  unit.AppendTo(journal);
  const std::string_view ping[] = {"PING"};
  journal.AppendControl(ping);
  unit.AppendTo(journal);
  const JournalBatch& batch = reader->Read(1 << 20);
  ASSERT_EQ(batch.slices().size(), 1u);
  const Slice& slice = batch.slices()[0];
  EXPECT_TRUE(slice.has_control());
  ASSERT_EQ(slice.size(), 3u);
  EXPECT_FALSE(slice.record(0).control());
  EXPECT_TRUE(slice.record(1).control());
  EXPECT_EQ(slice.record(1).bytes, "*1\r\n$4\r\nPING\r\n");
  EXPECT_EQ(slice.record(2).bytes, unit.Bytes(2));
}

TEST(Journal, SelectsADatabaseBeforeTheFirstMessage) {
  Journal journal({});
  auto reader = journal.AttachAtEnd({});
  const std::string_view message[] = {"PUBLISH", "a", "b"};
  journal.AppendMessage(message);
  journal.AppendMessage(message);
  Unit{{{0, "x"}}}.AppendTo(journal);  // Which is in the database selected.
  std::string all;
  for (const Slice& slice : reader->Read(1 << 20).slices()) all += slice.bytes();
  const std::string said = "*3\r\n$7\r\nPUBLISH\r\n$1\r\na\r\n$1\r\nb\r\n";
  const std::string select = "*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n";
  EXPECT_EQ(all.substr(0, select.size() + 2 * said.size()), select + said + said);
  EXPECT_EQ(all.find("SELECT", select.size()), std::string::npos);
}

TEST(Journal, WakesAnArmedReaderOnce) {
  Journal journal({});
  int rings = 0;
  auto reader = journal.AttachAtEnd({.notify = [&] { ++rings; }});
  EXPECT_TRUE(reader->Arm());
  journal.WakeReaders();
  EXPECT_EQ(rings, 0);
  Unit{{{0, "x"}}}.AppendTo(journal);
  EXPECT_EQ(rings, 0);
  journal.WakeReaders();
  journal.WakeReaders();
  EXPECT_EQ(rings, 1);
  EXPECT_FALSE(reader->Arm());
  reader->Read(1 << 20);
  EXPECT_TRUE(reader->Arm());
}

TEST(Journal, StartsAtAnyOffset) {
  Journal journal({}, 12345);
  EXPECT_EQ(journal.begin(), 12345u);
  EXPECT_EQ(journal.end(), 12345u);
  auto reader = journal.Attach({}, 12345);
  const Unit unit{{{0, "x"}}};
  EXPECT_EQ(unit.AppendTo(journal), 12345 + unit.Bytes(-1).size());
  EXPECT_EQ(reader->Read(1 << 20).slices()[0].bytes(), unit.Bytes(-1));
}

// For the test below: many threads that write and read.
class Crowd {
 public:
  struct Appended {
    Lsn end;
    Unit unit;
  };
  struct Seen {
    std::string bytes;
    std::vector<Lsn> ends;
    bool lost = false;
  };

  void Write(uint64_t seed, int units, std::vector<Appended>& appended) {
    Random random(seed);
    for (int i = 0; i < units; ++i) {
      while (!journal.HasRoom()) std::this_thread::yield();
      Unit unit = RandomUnit(random, random.Below(50) == 0 ? 4000 : 60);
      const Lsn end = unit.AppendTo(journal);
      journal.WakeReaders();
      appended.push_back({end, std::move(unit)});
    }
    --writing;
  }

  void Read(JournalReader& reader, Doorbell& bell, Seen& seen) {
    Random random(1);
    while (true) {
      const bool last = writing == 0;
      const JournalBatch& batch = reader.Read(1 + random.Below(5000));
      seen.lost = batch.lost();
      if (seen.lost) return;
      for (const Slice& slice : batch.slices()) {
        seen.bytes += slice.bytes();
        for (uint32_t i = 0; i < slice.size(); ++i) seen.ends.push_back(slice.record(i).end);
      }
      reader.Release(batch.end());
      if (!batch.empty()) continue;
      if (last) return;
      if (reader.Arm()) bell.Wait(std::chrono::milliseconds(5));
    }
  }

  std::atomic<int> writing = 0;
  Journal journal{JournalLimits{.chunk_bytes = 2000, .backlog_bytes = 1000, .room_bytes = 20000}};
};

TEST(Journal, ManyThreadsAppendAndManyReadOneStream) {
  Crowd crowd;
  crowd.writing = 4;
  std::vector<std::vector<Crowd::Appended>> appended(4);
  std::vector<Crowd::Seen> seen(4);
  std::vector<Doorbell> bells(seen.size());
  std::vector<std::unique_ptr<JournalReader>> readers;
  for (size_t r = 0; r < seen.size(); ++r) {
    readers.push_back(crowd.journal.AttachAtEnd(
        {.mandatory = r < 2, .hold_bytes = 30000, .notify = [&bells, r] { bells[r].Ring(); }}));
  }
  std::vector<std::thread> threads;
  for (size_t r = 0; r < seen.size(); ++r) {
    threads.emplace_back([&, r] { crowd.Read(*readers[r], bells[r], seen[r]); });
  }
  for (size_t w = 0; w < appended.size(); ++w) {
    threads.emplace_back([&, w] { crowd.Write(100 + w, 3000, appended[w]); });
  }
  for (std::thread& thread : threads) thread.join();

  std::map<Lsn, const Unit*> order;
  for (const auto& units : appended) {
    for (const Crowd::Appended& one : units) order[one.end] = &one.unit;
  }
  Model model;
  for (const auto& [end, unit] : order) {
    model.Append(*unit);
    ASSERT_EQ(model.stream.size(), end);
  }
  for (size_t r = 0; r < seen.size(); ++r) {
    EXPECT_TRUE(!seen[r].lost || r >= 2);
    EXPECT_TRUE(model.stream.substr(0, seen[r].bytes.size()) == seen[r].bytes) << r;
    if (seen[r].lost) continue;
    EXPECT_EQ(seen[r].bytes.size(), model.stream.size());
    EXPECT_GE(seen[r].ends.size(), order.size());  // A SELECT may be a record of its own.
    EXPECT_LE(seen[r].ends.size(), model.ends.size());
  }
}

}  // namespace
}  // namespace henge::persistence
