// SPDX-License-Identifier: Apache-2.0
#include "store/snapshot_walk.h"

#include <gtest/gtest.h>

#include <atomic>
#include <bitset>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/random.h"
#include "store/keyspace.h"
#include "store/list/list.h"

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
  if (entry.is_collection()) {
    ListView(entry).Walk(0, ListView(entry).size(), [&](const ListpackElement& element) {
      value.append(element.data, element.size).append(",");
    });
    return value;
  }
  return value +
         (entry.is_integer() ? std::to_string(entry.integer()) : std::string(entry.bytes()));
}

// Sees a list of two elements or more one element at a time.
class Album final : public SnapshotSink {
 public:
  size_t Save(ShardIndex, DbIndex db, const Entry& entry) override {
    const std::lock_guard lock(mu_);
    seen.emplace(std::pair(db, std::string(entry.key())), ValueOf(entry));
    return 10;
  }
  void BeginLarge(DbIndex db, const Entry& entry) override {
    EXPECT_EQ(large_, nullptr);
    large_ = &entry;
    name_ = {db, std::string(entry.key())};
    value_ = std::to_string(entry.expiry()) + " ";
    next_ = 0;
  }
  bool SaveSlice() override {
    const ListView list(*large_);
    EXPECT_EQ(large_->key(), name_.second);
    list.Walk(next_, 1, [&](const ListpackElement& element) {
      value_.append(element.data, element.size).append(",");
    });
    if (++next_ < list.size()) return true;
    const std::lock_guard lock(mu_);
    seen.emplace(name_, value_);
    large_ = nullptr;
    ++in_slices;
    return false;
  }
  void EndStep(ShardIndex, bool) override {}
  // The key of the one that is being seen, or empty.
  std::string current() const { return large_ == nullptr ? "" : name_.second; }
  Contents seen;
  int in_slices = 0;

 private:
  std::mutex mu_;
  const Entry* large_ = nullptr;
  std::pair<DbIndex, std::string> name_;
  std::string value_;
  uint64_t next_ = 0;
};

constexpr SnapshotWalk::LargeFrom kLargeFrom{1000, 100};

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
  // So that some lists are large.
  void PushSome(Keyspace& keyspace, const Key& key, Random& random) {
    keyspace.Modify(key, Type::kList, Keyspace::IfAbsent::kCreate, Event{}, [&](Entry& entry) {
      List list(entry, store_);
      const std::string text(1 + random.Below(60), 'x');
      for (uint64_t i = random.Below(4); i < 4; ++i) list.Push(ListEnd::kTail, text);
      return true;
    });
  }
  // REQUIRES: its shard is locked.
  void AwaitIfHeld(DbIndex db, const Key& key) {
    Shard& shard = store_.shard(store_.ShardOf(key.slot));
    ShardDb& part = *shard.dbs[db];
    Entry* entry = part.TableOf(key.slot).Find(key.bytes, key.hash);
    if (shard.snapshot == nullptr || !shard.snapshot->IsHeld(shard, *entry)) return;
    ++awaited_;
    shard.snapshot->Await(shard, part, *entry, [this] { ++told_; });
  }
  void ChangeSomething(Random& random, UnixMillis now);
  // `some`: every other walk is of these slots alone.
  void PlayRounds(uint64_t seed, const std::bitset<kSlots>* some = nullptr);

  Store store_;
  Silent sink_;
  int awaited_ = 0;
  int told_ = 0;
};

void SnapshotWalkTest::ChangeSomething(Random& random, UnixMillis now) {
  const std::string name = "key" + std::to_string(random.Below(400));
  const std::string other = "key" + std::to_string(random.Below(400));
  const Key key = Key::Of(name);
  const auto db = static_cast<DbIndex>(random.Below(3));
  With(db, now, [&](Keyspace& keyspace) {
    const bool there = keyspace.Exists(key);
    switch (random.Below(12)) {
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
        PushSome(keyspace, key, random);
        return;
      case 6:
        if (random.Below(30) == 0) keyspace.FlushDatabases(db, db, FlushMode::kEager);
        return;
      case 7:
        if (random.Below(30) == 0) keyspace.SwapDatabases(db, static_cast<DbIndex>((db + 1) % 3));
        return;
      case 8:
        if (there && db == 0) {
          Keyspace target = keyspace.InDatabase(1);
          if (!target.Exists(key)) keyspace.MoveTo(target, key);
        }
        return;
      case 9:
        if (there) AwaitIfHeld(db, key);
        return;
      default:
        return keyspace.SetString(key, std::to_string(random.Below(1000)) + "v", kNoExpiry,
                                  Event{});
    }
  });
}

void SnapshotWalkTest::PlayRounds(uint64_t seed, const std::bitset<kSlots>* some) {
  Random random(seed);
  UnixMillis now = 1000;
  int in_slices = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 500; ++i) ChangeSomething(random, ++now);
    Album album;
    SnapshotWalk walk(store_, album, kLargeFrom);
    Contents expected = All();
    const size_t keys = expected.size();
    if (some != nullptr && round % 2 == 0) {
      walk.Restrict(*some);
      std::erase_if(expected,
                    [&](const auto& one) { return !some->test(Key::Of(one.first.second).slot); });
    }
    Begin(walk);
    EXPECT_EQ(walk.keys(), keys);
    do {
      for (uint64_t i = random.Below(20); i > 0; --i) ChangeSomething(random, ++now);
    } while (walk.Step(200, 1 + random.Below(40)));
    ASSERT_EQ(album.seen, expected) << "round " << round << " of seed " << seed;
    EXPECT_EQ(walk.saved(), walk.keys());
    EXPECT_EQ(told_, awaited_);
    in_slices += album.in_slices;
  }
  EXPECT_GT(in_slices, 50);
  store_.reclaimer().Drain();
}

// The rounds include flushes, swaps, renames, deadlines and tables that grow and shrink.
TEST_F(SnapshotWalkTest, SeesWhatThereWasAtItsStart) {
  for (uint64_t seed = 1; seed <= 5; ++seed) PlayRounds(seed);
  EXPECT_GT(awaited_, 0);  // The order of the walk is drawn anew in each process: a seed may miss.
}

class SnapshotWalkBySlotTest : public SnapshotWalkTest {
 protected:
  SnapshotWalkBySlotTest() : SnapshotWalkTest(true) {}
};

TEST_F(SnapshotWalkBySlotTest, SeesWhatThereWasAtItsStart) { PlayRounds(6); }

TEST_F(SnapshotWalkBySlotTest, SeesOnlyTheSlotsThatItIsRestrictedTo) {
  std::bitset<kSlots> some;
  for (size_t slot = 0; slot < some.size(); slot += 2) some.set(slot);
  PlayRounds(7, &some);
}

// Others write meanwhile; each value tells whether it was written later.
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
  while (walk.Step(1000, 100)) {
  }
  stop.store(true);
  threads[0].join();
  threads[1].join();
  EXPECT_EQ(album.seen, expected);
}

class LargeEntriesTest : public SnapshotWalkTest {
 protected:
  LargeEntriesTest() : walk_(store_, album_, kLargeFrom) {
    for (const std::string name : {"a", "b", "c"}) {
      With(0, 0, [&](Keyspace& keyspace) {
        keyspace.Modify(Key::Of(name), Type::kList, Keyspace::IfAbsent::kCreate, Event{},
                        [&](Entry& entry) {
                          List list(entry, store_);
                          for (int i = 0; i < 10; ++i) {
                            list.Push(ListEnd::kTail, std::string(40, static_cast<char>('0' + i)));
                          }
                          return true;
                        });
      });
    }
    before_ = All();
  }
  // Until the walk is within one; which.
  std::string StepInto() {
    while (!walk_.within()) {
      if (!walk_.Step(100, 1)) return "";
    }
    return album_.current();
  }
  void Push(std::string_view name) {
    With(0, 0, [&](Keyspace& keyspace) {
      keyspace.Modify(Key::Of(name), Type::kList, Keyspace::IfAbsent::kLeave, Event{},
                      [&](Entry& entry) {
                        List(entry, store_).Push(ListEnd::kHead, "new");
                        return true;
                      });
    });
  }
  void Finish() {
    while (walk_.Step(100, 1)) {
    }
    EXPECT_EQ(album_.seen, before_);
    EXPECT_EQ(walk_.saved(), 3u);
    store_.reclaimer().Drain();
  }

  Album album_;
  SnapshotWalk walk_;
  Contents before_;
};

TEST_F(LargeEntriesTest, AreSavedInSlices) {
  Begin(walk_);
  Finish();
  EXPECT_EQ(album_.in_slices, 3);
  EXPECT_EQ(walk_.saved_early(), 0u);
}

TEST_F(LargeEntriesTest, ThatChangesWithinItsSlicesIsFinishedFirst) {
  Begin(walk_);
  const std::string name = StepInto();
  ASSERT_NE(name, "");
  Push(name);
  EXPECT_EQ(walk_.saved(), 1u);
  EXPECT_TRUE(walk_.within());  // Until the next step has taken what was made.
  Finish();
  EXPECT_EQ(walk_.saved_early(), 1u);
}

TEST_F(LargeEntriesTest, ThatIsDeletedWithinItsSlicesLivesOnUnseen) {
  Begin(walk_);
  const std::string name = StepInto();
  ASSERT_NE(name, "");
  With(0, 0, [&](Keyspace& keyspace) {
    EXPECT_TRUE(keyspace.Delete(Key::Of(name), events::kDel));
    EXPECT_EQ(keyspace.Peek(Key::Of(name)), nullptr);
    keyspace.SetString(Key::Of(name), "again", kNoExpiry, Event{});
  });
  EXPECT_EQ(walk_.saved(), 0u);
  Finish();
  EXPECT_EQ(walk_.saved_early(), 0u);
}

TEST_F(LargeEntriesTest, AreTakenInTheOrderInWhichTheyAreAwaited) {
  Begin(walk_);
  std::string told;
  With(0, 0, [&](Keyspace&) {
    for (const std::string name : {"c", "a", "b", "a"}) {
      const Key key = Key::Of(name);
      Shard& shard = store_.shard(store_.ShardOf(key.slot));
      Entry* entry = shard.dbs[0]->TableOf(key.slot).Find(key.bytes, key.hash);
      ASSERT_TRUE(shard.snapshot->IsHeld(shard, *entry));
      shard.snapshot->Await(shard, *shard.dbs[0], *entry, [&told, name] { told += name; });
    }
  });
  Finish();
  EXPECT_EQ(told, "caab");
}

TEST_F(LargeEntriesTest, WhoWaitsForOneThatIsFlushedIsTold) {
  Begin(walk_);
  With(0, 0, [&](Keyspace& keyspace) {
    AwaitIfHeld(0, Key::Of("b"));
    keyspace.FlushDatabases(0, 0, FlushMode::kEager);
  });
  walk_.Step(100, 1);
  EXPECT_EQ(told_, 1);
  Finish();
}

}  // namespace
}  // namespace henge::store
