// SPDX-License-Identifier: Apache-2.0
#include "persistence/snapshot/snapshot.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <thread>

#include "base/random.h"
#include "persistence/rdb/file_parser.h"
#include "persistence/rdb/sample_values.h"
#include "persistence/rdb/value_reader.h"
#include "persistence/simulated_disk.h"
#include "persistence/snapshot/snapshot_file.h"
#include "store/keyspace.h"

namespace henge::persistence {
namespace {

using store::FlushMode;
using store::Key;
using store::Keyspace;
using store::LockSet;

class Silent final : public store::EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const store::Event&, store::Change) override {}
};

using Contents = std::map<std::pair<DbIndex, std::string>, std::string>;

class Loaded final : public RdbVisitor {
 public:
  absl::Status OnFunction(std::string_view) override { return absl::OkStatus(); }
  absl::Status OnKey(const RdbKey& key) override {
    RdbReader reader(key.body, key.offset);
    const auto entry = ReadValue(reader, key.type, key.key, key.expiry, samples_.limits());
    if (!entry.ok()) return entry.status();
    const bool is_new =
        contents.emplace(std::pair(key.db, std::string(key.key)), Describe(**entry)).second;
    EXPECT_TRUE(is_new) << key.key;
    return absl::OkStatus();
  }
  void OnSkipped(std::string_view what) override { ADD_FAILURE() << what; }
  void OnSize(DbIndex db, uint64_t keys, uint64_t) override { announced[db] += keys; }

  Contents contents;
  std::map<DbIndex, uint64_t> announced;

 private:
  SampleValues samples_;
};

class TextSink final : public ByteSink {
 public:
  absl::Status Append(std::string_view bytes) override {
    if (text.size() > fails_behind) return absl::ResourceExhaustedError("full");
    text.append(bytes);
    return absl::OkStatus();
  }
  std::string text;
  size_t fails_behind = SIZE_MAX;
};

class SnapshotTest : public testing::Test {
 protected:
  SnapshotTest() : store_({.shards = 4, .databases = 3}) { Fill(); }

  void Fill() {
    SampleValues samples;
    for (int copy = 0; copy < 4; ++copy) {
      for (const DbIndex db : {DbIndex{0}, DbIndex{2}}) {
        for (store::OwnedEntry& value : samples.All()) Add(db, std::move(value));
        for (store::OwnedEntry& value : samples.WithDeadlines()) Add(db, std::move(value));
      }
    }
  }

  // Under a name of its own.
  void Add(DbIndex db, store::OwnedEntry value) {
    const std::string name = fmt::format("key:{}", added_++);
    With(db, name, [&](Keyspace& keyspace, const Key& key) {
      if (!value->is_collection()) {
        const UnixMillis expiry = added_ % 3 == 0 ? 1'900'000'000'000 : kNoExpiry;
        keyspace.SetString(key, std::string(value->is_integer() ? "12" : value->bytes()), expiry,
                           {});
      } else if (!value->IsEmptyCollection()) {
        if (keyspace.Exists(key)) keyspace.Delete(key, {});
        keyspace.SetCollection(key, store::Entry::Rebuild(value.release(), name, kNoExpiry), {});
      }
    });
  }
  template <class F>
  void With(DbIndex db, std::string_view name, F f) {
    const Key key = Key::Of(name);
    LockSet locks(store_);
    locks.Add(key.slot);
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, db, 1);
    f(keyspace, key);
  }
  Contents All() {
    Contents all;
    for (DbIndex db = 0; db < 3; ++db) {
      LockSet locks(store_);
      locks.AddAll();
      locks.Lock();
      Keyspace(store_, locks, sink_, db, 1).ForEach([&](const store::Entry* entry) {
        all.emplace(std::pair(db, std::string(entry->key())), Describe(*entry));
      });
    }
    return all;
  }
  void ChangeSomething(Random& random);
  // One element more.
  void Grow(Keyspace& keyspace, const Key& key) {
    const store::Entry* there = keyspace.Peek(key);
    if (there == nullptr || !there->is_collection()) return;
    const store::Type type = there->type();
    keyspace.Modify(key, type, Keyspace::IfAbsent::kLeave, {}, [&](store::Entry& entry) {
      const store::EncodingLimits& limits = store_.settings().encodings;
      if (type == store::Type::kList) {
        store::List(entry, store_).Push(store::ListEnd::kHead, "new");
      } else if (type == store::Type::kSet) {
        store::Set(entry, limits).Add("new");
      } else if (type == store::Type::kSortedSet) {
        store::SortedSet(entry).Put("new", 1, store::SortedSetLimits::Of(store_.settings()));
      } else if (type == store::Type::kHash) {
        store::Hash(entry, limits, 1).Set("new", "value");
      } else {
        auto& stream = *static_cast<store::Stream*>(entry.object());
        const std::string_view pair[] = {"f", "new"};
        stream.Append({stream.last_id().ms + 1, 0}, pair, {});
      }
      return true;
    });
  }
  void Begin(Snapshot& snapshot) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    snapshot.Begin(1);
  }
  Contents Parsed(std::string_view file) {
    Loaded loaded;
    RdbFileParser parser(loaded);
    const auto taken = parser.Parse(file, true);
    EXPECT_TRUE(taken.ok()) << taken.status();
    EXPECT_TRUE(parser.done());
    return loaded.contents;
  }

  store::Store store_;
  Silent sink_;
  int added_ = 0;
};

void SnapshotTest::ChangeSomething(Random& random) {
  const std::string name = fmt::format("key:{}", random.Below(200));
  const auto db = static_cast<DbIndex>(random.Below(3));
  if (random.Below(500) == 0) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, db, 1);
    if (random.Below(10) == 0) return void(keyspace.FlushDatabases(db, db, FlushMode::kEager));
    return keyspace.SwapDatabases(db, static_cast<DbIndex>((db + 1) % 3));
  }
  With(db, name, [&](Keyspace& keyspace, const Key& key) {
    switch (random.Below(8)) {
      case 0:
        return void(keyspace.Delete(key, {}));
      case 1:
        return keyspace.SetString(key, std::string(40'000, 'x'), kNoExpiry, {});
      case 2:
      case 3:
      case 4:
        return Grow(keyspace, key);
      case 5:
        if (store::Entry* entry = keyspace.Peek(key)) {
          keyspace.SetExpiry(key, entry, 1'900'000'000'000, {});
        }
        return;
      default:
        const store::Entry* there = keyspace.Peek(key);
        if (there != nullptr && there->is_collection()) return;
        keyspace.EditString(key, 30'000, {}, [&](char* bytes) {
          bytes[random.Below(30'000)] = 'y';
          return true;
        });
    }
  });
}

TEST_F(SnapshotTest, HoldsEveryKindOfValueCompressedOrNot) {
  const Contents expected = All();
  size_t sizes[2];
  for (const bool compress : {false, true}) {
    Snapshot snapshot(store_, {.rdb = {.compress = compress}, .aux = {{"redis-ver", "7.2.4"}}});
    Begin(snapshot);
    TextSink file;
    ASSERT_TRUE(snapshot.Write(file).ok());
    EXPECT_EQ(Parsed(file.text), expected);
    EXPECT_EQ(snapshot.progress().saved, expected.size());
    EXPECT_EQ(snapshot.progress().bytes, file.text.size());
    sizes[compress ? 1 : 0] = file.text.size();
  }
  EXPECT_LT(sizes[1], sizes[0] * 4 / 5);
}

TEST_F(SnapshotTest, AnnouncesItsSizes) {
  Snapshot snapshot(store_, {});
  Begin(snapshot);
  TextSink file;
  ASSERT_TRUE(snapshot.Write(file).ok());
  Loaded loaded;
  RdbFileParser parser(loaded);
  ASSERT_TRUE(parser.Parse(file.text, true).ok());
  EXPECT_EQ(loaded.announced,
            (std::map<DbIndex, uint64_t>{{0, store_.KeyCount(0)}, {2, store_.KeyCount(2)}}));
}

// With every collection large, so that it goes by slices, or none.
TEST_F(SnapshotTest, IsOfItsMomentWhileWritersGoOn) {
  for (int round = 0; round < 6; ++round) {
    const size_t large_from = round % 3 == 0 ? SIZE_MAX : 0;
    added_ = 0;
    Fill();
    const Contents expected = All();
    Snapshot snapshot(store_, {}, {large_from, large_from});
    Begin(snapshot);
    std::atomic<bool> stop{false};
    std::thread writer([&] {
      Random random(static_cast<uint64_t>(round));
      while (!stop.load(std::memory_order_relaxed)) ChangeSomething(random);
    });
    TextSink file;
    EXPECT_TRUE(snapshot.Write(file).ok());
    stop.store(true);
    writer.join();
    ASSERT_EQ(Parsed(file.text), expected) << "round " << round;
    store_.reclaimer().Drain();
  }
}

TEST_F(SnapshotTest, OneThatFailedLeavesTheStoreReadyForTheNext) {
  const Contents expected = All();
  for (const size_t fails_behind : {0, 1, 3000, 20'000}) {
    Snapshot failing(store_, {});
    Begin(failing);
    TextSink full;
    full.fails_behind = fails_behind;
    EXPECT_EQ(failing.Write(full).code(), absl::StatusCode::kResourceExhausted);
    Snapshot snapshot(store_, {});
    Begin(snapshot);
    TextSink file;
    EXPECT_TRUE(snapshot.Write(file).ok());
    EXPECT_EQ(Parsed(file.text), expected);
  }
}

// Whatever the power's failing interrupts: afterwards the file is the old one or the new one,
// whole.
TEST_F(SnapshotTest, FileIsReplacedWholeOrNotAtAll) {
  const SnapshotFileOptions options{"data", "dump.rdb", "temp-1.rdb"};
  const std::string path = "data/dump.rdb";
  int replaced = 0;
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SimulatedDisk disk(seed);
    ASSERT_TRUE(disk.MakeDirectory("data").ok());
    disk.Put(path, "old");
    disk.SetPowerFailsAfter(seed % 10);
    Snapshot snapshot(store_, {});
    Begin(snapshot);
    const absl::Status status = WriteSnapshotFile(snapshot, disk, options);
    disk.Crash();
    const auto contents = disk.Contents(path);
    ASSERT_TRUE(contents.has_value());
    if (*contents == "old") {
      EXPECT_FALSE(status.ok());
      continue;
    }
    ++replaced;
    EXPECT_EQ(Parsed(*contents), All());
  }
  EXPECT_GT(replaced, 5);
  EXPECT_LT(replaced, 55);
}

TEST_F(SnapshotTest, FileStaysAsItWasWhenTheDiskIsFull) {
  SimulatedDisk disk(1);
  ASSERT_TRUE(disk.MakeDirectory("data").ok());
  disk.Put("data/dump.rdb", "old");
  disk.SetSpace(1000);
  Snapshot snapshot(store_, {});
  Begin(snapshot);
  EXPECT_FALSE(WriteSnapshotFile(snapshot, disk, {"data", "dump.rdb", "temp-1.rdb"}).ok());
  EXPECT_EQ(disk.Contents("data/dump.rdb"), "old");
  EXPECT_FALSE(disk.Contents("data/temp-1.rdb").has_value());
}

}  // namespace
}  // namespace henge::persistence
