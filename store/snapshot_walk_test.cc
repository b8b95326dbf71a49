// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot_walk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

class Silent final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const Event&, Change) override {}
};

// What a database holds, or a snapshot has seen: one of each, with values and deadlines.
using Contents = std::multimap<std::pair<DbIndex, std::string>, std::string>;

std::string ValueOf(const Entry& entry) {
  std::string value = std::to_string(entry.expiry()) + " ";
  if (entry.is_collection()) return value + "a collection";
  return value +
         (entry.is_integer() ? std::to_string(entry.integer()) : std::string(entry.bytes()));
}

class Album final : public SnapshotSink {
 public:
  size_t Save(ShardIndex, DbIndex db, const Entry& entry) override {
    const std::lock_guard lock(mu_);
    seen.emplace(std::pair(db, std::string(entry.key())), ValueOf(entry));
    return 10;
  }
  void EndStep(ShardIndex) override {}
  Contents seen;

 private:
  std::mutex mu_;
};

class SnapshotWalkTest : public testing::Test {
 protected:
  explicit SnapshotWalkTest(bool table_per_slot = false)
      : store_({.shards = 4, .databases = 3, .table_per_slot = table_per_slot}) {}

  template <class F>
  void With(DbIndex db, UnixMillis now, F f) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    Keyspace keyspace(store_, locks, sink_, db, now);
    f(keyspace);
  }
  Contents All() {
    Contents all;
    for (DbIndex db = 0; db < 3; ++db) {
      With(db, 0, [&](Keyspace& keyspace) {
        keyspace.ForEach([&](const Entry* entry) {
          all.emplace(std::pair(db, std::string(entry->key())), ValueOf(*entry));
        });
      });
    }
    return all;
  }
  void Begin(SnapshotWalk& walk) {
    LockSet locks(store_);
    locks.AddAll();
    locks.Lock();
    walk.Begin();
  }
  void ChangeSomething(Random& random, UnixMillis now);
  void PlayRounds(uint64_t seed);

  Store store_;
  Silent sink_;
};

void SnapshotWalkTest::ChangeSomething(Random& random, UnixMillis now) {
  const std::string name = "key" + std::to_string(random.Below(400));
  const std::string other = "key" + std::to_string(random.Below(400));
  const Key key = Key::Of(name);
  const auto db = static_cast<DbIndex>(random.Below(3));
  With(db, now, [&](Keyspace& keyspace) {
    const bool there = keyspace.Exists(key);
    switch (random.Below(10)) {
      case 0:
        return void(keyspace.Delete(key, events::kDel));
      case 1:
        return void(keyspace.AddInteger(key, 1, Event{}));
      case 2:
        if (there && name != other) keyspace.Rename(key, Key::Of(other));
        return;
      case 3:
        if (there) keyspace.SetExpiry(key, keyspace.Peek(key), now + 50, Event{});
        return;
      case 4:
        return keyspace.EditString(key, 3000, Event{}, [](char* bytes) {
          bytes[17] = 'x';
          return true;
        });
      case 5:
        keyspace.Modify(key, Type::kList, Keyspace::IfAbsent::kCreate, Event{},
                        [](Entry&) { return true; });
        return;
      case 6:
        if (random.Below(30) == 0) keyspace.FlushDatabases(db, db, FlushMode::kEager);
        return;
      case 7:
        if (random.Below(30) == 0) keyspace.SwapDatabases(db, static_cast<DbIndex>((db + 1) % 3));
        return;
      default:
        return keyspace.SetString(key, std::to_string(random.Below(1000)) + "v", kNoExpiry,
                                  Event{});
    }
  });
}

void SnapshotWalkTest::PlayRounds(uint64_t seed) {
  Random random(seed);
  UnixMillis now = 1000;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) ChangeSomething(random, ++now);
    Album album;
    SnapshotWalk walk(store_, album);
    const Contents expected = All();
    Begin(walk);
    EXPECT_EQ(walk.keys(), expected.size());
    std::vector<ShardIndex> open = {0, 1, 2, 3};
    while (!open.empty()) {
      for (uint64_t i = random.Below(20); i > 0; --i) ChangeSomething(random, ++now);
      const size_t at = random.Below(open.size());
      if (!walk.Step(open[at], 200, 1 + random.Below(40))) {
        open.erase(open.begin() + static_cast<ptrdiff_t>(at));
      }
    }
    ASSERT_EQ(album.seen, expected) << "round " << round << " of seed " << seed;
    EXPECT_EQ(walk.saved(), walk.keys());
  }
}

// The rounds include flushes, swaps, renames, deadlines and tables that grow and shrink.
TEST_F(SnapshotWalkTest, SeesWhatThereWasAtItsStart) {
  for (uint64_t seed = 1; seed <= 5; ++seed) PlayRounds(seed);
}

class SnapshotWalkBySlotTest : public SnapshotWalkTest {
 protected:
  SnapshotWalkBySlotTest() : SnapshotWalkTest(true) {}
};

TEST_F(SnapshotWalkBySlotTest, SeesWhatThereWasAtItsStart) { PlayRounds(6); }

// Several threads walk while others write; each value tells whether it was written later.
TEST_F(SnapshotWalkTest, IsOfOneMomentAmongThreads) {
  for (int i = 0; i < 20'000; ++i) {
    With(0, 0, [&](Keyspace& keyspace) {
      const std::string name = "key" + std::to_string(i);
      keyspace.SetString(Key::Of(name), "before", kNoExpiry, Event{});
    });
  }
  Album album;
  SnapshotWalk walk(store_, album);
  const Contents expected = All();
  std::atomic<bool> stop{false};
  Begin(walk);
  std::vector<std::thread> threads;
  for (uint64_t writer = 0; writer < 2; ++writer) {
    threads.emplace_back([&, writer] {
      Random random(writer);
      while (!stop.load(std::memory_order_relaxed)) {
        const std::string name = "key" + std::to_string(random.Below(30'000));
        const Key key = Key::Of(name);
        LockSet locks(store_);
        locks.Add(key.slot);
        locks.Lock();
        Keyspace keyspace(store_, locks, sink_, 0, 1);
        if (random.Below(4) == 0) {
          keyspace.Delete(key, events::kDel);
        } else {
          keyspace.SetString(key, "after", kNoExpiry, Event{});
        }
      }
    });
  }
  for (ShardIndex first = 0; first < 2; ++first) {
    threads.emplace_back([&, first] {
      for (ShardIndex shard = first; shard < 4; shard += 2) {
        while (walk.Step(shard, 1000, 100)) {
        }
      }
    });
  }
  threads[2].join();
  threads[3].join();
  stop.store(true);
  threads[0].join();
  threads[1].join();
  EXPECT_EQ(album.seen, expected);
}

}  // namespace
}  // namespace henge::store
