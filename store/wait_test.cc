// SPDX-License-Identifier: Apache-2.0
#include "store/wait.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/keyspace.h"

namespace henge::store {
namespace {

std::shared_ptr<Waiter> NewWaiter(std::initializer_list<std::string_view> names,
                                  bool wakes_without_key = false) {
  std::vector<Key> keys;
  for (const std::string_view name : names) keys.push_back(Key::Of(name));
  return std::make_shared<Waiter>(DbIndex{0}, keys, Type::kList, wakes_without_key);
}

void AddAll(WaitRegistry& registry, const std::shared_ptr<Waiter>& waiter) {
  for (WaitPlace& place : waiter->places()) registry.Add(waiter, place);
}

void RemoveAll(WaitRegistry& registry, const std::shared_ptr<Waiter>& waiter) {
  for (WaitPlace& place : waiter->places()) registry.Remove(*waiter, place);
}

TEST(Waiter, IsClaimedByOne) {
  const auto waiter = NewWaiter({"k"});
  EXPECT_TRUE(waiter->Claim());
  EXPECT_FALSE(waiter->Claim());
  waiter->Finish();
  EXPECT_FALSE(waiter->Claim());
  EXPECT_FALSE(waiter->End());
  EXPECT_TRUE(waiter->done());
}

TEST(Waiter, TellsWhoPutsItBackThatItWasMissed) {
  const auto waiter = NewWaiter({"k"});
  ASSERT_TRUE(waiter->Claim());
  EXPECT_FALSE(waiter->PutBack());
  ASSERT_TRUE(waiter->Claim());
  EXPECT_FALSE(waiter->Claim());
  EXPECT_EQ(waiter->state(), Waiter::State::kClaimedMissed);
  EXPECT_TRUE(waiter->PutBack());
  EXPECT_TRUE(waiter->End());
  EXPECT_FALSE(waiter->End());
  EXPECT_FALSE(waiter->Claim());
}

TEST(Waiter, EndWaitsForItsClaimer) {
  const auto waiter = NewWaiter({"k"});
  ASSERT_TRUE(waiter->Claim());
  std::atomic<int> ended{-1};
  std::thread ender([&] { ended = waiter->End() ? 1 : 0; });
  for (int i = 0; i < 1000; ++i) std::this_thread::yield();
  EXPECT_EQ(ended.load(), -1);
  EXPECT_FALSE(waiter->PutBack());
  ender.join();
  EXPECT_EQ(ended.load(), 1);
}

TEST(WaitRegistry, KeepsTheOrderOfArrival) {
  WaitRegistry registry;
  EXPECT_TRUE(registry.empty());
  const auto first = NewWaiter({"a", "b"});
  const auto second = NewWaiter({"b", "a"});
  AddAll(registry, first);
  AddAll(registry, second);
  EXPECT_EQ(registry.keys(), 2u);
  EXPECT_EQ(*registry.Find(0, "b"), (WaitRegistry::Queue{first, second}));
  EXPECT_EQ(registry.Find(1, "b"), nullptr);
  RemoveAll(registry, first);
  RemoveAll(registry, first);  // Once is enough.
  EXPECT_EQ(*registry.Find(0, "b"), (WaitRegistry::Queue{second}));
  RemoveAll(registry, second);
  EXPECT_TRUE(registry.empty());
  EXPECT_EQ(registry.keys(), 0u);
}

TEST(WaitRegistry, TakesAKeyNamedTwiceOnce) {
  WaitRegistry registry;
  const auto waiter = NewWaiter({"a", "a"});
  AddAll(registry, waiter);
  EXPECT_EQ(registry.Find(0, "a")->size(), 1u);
  RemoveAll(registry, waiter);
  EXPECT_TRUE(registry.empty());
}

TEST(WaitRegistry, ConcernsDeletionOnlyForWhoAsked) {
  WaitRegistry registry;
  const auto plain = NewWaiter({"k"});
  const auto group = NewWaiter({"k"}, true);
  AddAll(registry, plain);
  EXPECT_TRUE(registry.Concerns(0, "k", false));
  EXPECT_FALSE(registry.Concerns(0, "k", true));
  EXPECT_FALSE(registry.Concerns(0, "other", false));
  AddAll(registry, group);
  EXPECT_TRUE(registry.Concerns(0, "k", true));
  EXPECT_EQ(registry.keys_wanted_absent(), 1u);
  RemoveAll(registry, group);
  EXPECT_FALSE(registry.Concerns(0, "k", true));
  EXPECT_EQ(registry.keys_wanted_absent(), 0u);
}

// The keyspace tells of keys that are waited for, and of no others.
class ReadyKeys final : public EffectSink {
 public:
  void OnEffect(DbIndex, const Key&, const Event&, Change) override {}
  void OnReady(DbIndex db, std::string_view key) override {
    ready.push_back(std::to_string(db) + ":" + std::string(key));
  }
  std::vector<std::string> ready;
};

class WaitingKeyspace : public testing::Test {
 protected:
  WaitingKeyspace() {
    locks_.AddAll();
    locks_.Lock();
  }
  void Wait(const std::shared_ptr<Waiter>& waiter) {
    for (WaitPlace& place : waiter->places()) {
      store_.shard(store_.ShardOf(place.slot)).waits.Add(waiter, place);
    }
  }
  Store store_{{.shards = 8, .databases = 4}};
  LockSet locks_{store_};
  ReadyKeys sink_;
  Keyspace keyspace_{store_, locks_, sink_, 0, 1000};
};

TEST_F(WaitingKeyspace, ReportsWhatIsWaitedFor) {
  keyspace_.SetString(Key::Of("k"), "v", kNoExpiry, events::kSet);
  EXPECT_TRUE(sink_.ready.empty());
  Wait(NewWaiter({"k", "to"}));
  keyspace_.SetString(Key::Of("other"), "v", kNoExpiry, events::kSet);
  EXPECT_TRUE(sink_.ready.empty());
  keyspace_.Rename(Key::Of("other"), Key::Of("to"));
  keyspace_.Delete(Key::Of("k"), events::kDel);
  EXPECT_EQ(sink_.ready, (std::vector<std::string>{"0:to"}));
}

TEST_F(WaitingKeyspace, ReportsDatabasesThatChangePlaces) {
  Wait(NewWaiter({"k", "absent"}));
  Keyspace other = keyspace_.InDatabase(1);
  other.SetString(Key::Of("k"), "v", kNoExpiry, events::kSet);
  EXPECT_TRUE(sink_.ready.empty());
  keyspace_.SwapDatabases(0, 1);
  EXPECT_EQ(sink_.ready, (std::vector<std::string>{"0:k"}));
}

TEST_F(WaitingKeyspace, ReportsFlushedKeysToWhoAsked) {
  Wait(NewWaiter({"k"}));
  keyspace_.SetString(Key::Of("k"), "v", kNoExpiry, events::kSet);
  sink_.ready.clear();
  keyspace_.FlushDatabases(0, 0, FlushMode::kEager);
  EXPECT_TRUE(sink_.ready.empty());
  Wait(NewWaiter({"k"}, true));
  keyspace_.SetString(Key::Of("k"), "v", kNoExpiry, events::kSet);
  sink_.ready.clear();
  keyspace_.FlushDatabases(0, 3, FlushMode::kEager);
  EXPECT_EQ(sink_.ready, (std::vector<std::string>{"0:k"}));
}

TEST_F(WaitingKeyspace, OnlyHeldKeysAreSeen) {
  keyspace_.SetString(Key::Of("k"), "v", kNoExpiry, events::kSet);
  locks_.Unlock();
  LockSet some(store_);
  some.Add(static_cast<Slot>((Key::Of("k").slot + 1) % 8));
  some.Lock();
  Keyspace partial(store_, some, sink_, 0, 1000);
  partial.set_only_held(true);
  EXPECT_FALSE(partial.Exists(Key::Of("k")));
  some.Extend(std::vector<ShardIndex>{store_.ShardOf(Key::Of("k").slot)});
  EXPECT_TRUE(partial.Exists(Key::Of("k")));
}

// Several threads claim, put back, finish and end waiters of two keys each, whose queues lie under
// two locks: each waiter ends exactly once, and none is missed by all.
TEST(WaitStress, EachWaiterEndsOnce) {
  constexpr int kWaiters = 4000;
  constexpr int kThreads = 4;
  struct Line {
    SpinFutexMutex mu;
    WaitRegistry registry;
  };
  Line lines[2];
  std::vector<std::shared_ptr<Waiter>> waiters;
  for (int i = 0; i < kWaiters; ++i) {
    waiters.push_back(NewWaiter({"a", "b"}));
    lines[0].registry.Add(waiters.back(), waiters.back()->places()[0]);
    lines[1].registry.Add(waiters.back(), waiters.back()->places()[1]);
  }
  std::atomic<int> served{0};
  std::atomic<int> ended{0};
  std::atomic<int> rechecks{0};
  // Serves one waiter of its line at a time; every third is put back first.
  const auto serve = [&](Line& line, std::string_view key, size_t place, unsigned seed) {
    for (unsigned turn = seed;; ++turn) {
      const std::lock_guard lock(line.mu);
      WaitRegistry::Queue* queue = line.registry.Find(0, key);
      if (queue == nullptr) return;
      const std::shared_ptr<Waiter> waiter = queue->front();
      if (!waiter->Claim()) {
        if (waiter->done()) line.registry.Remove(*waiter, waiter->places()[place]);
        continue;
      }
      if (turn % 3 == 0) {
        if (waiter->PutBack()) rechecks.fetch_add(1);
        continue;
      }
      line.registry.Remove(*waiter, waiter->places()[place]);
      waiter->Finish();
      served.fetch_add(1);
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < kThreads; ++i) {
    const size_t place = i % 2;
    threads.emplace_back([&, place, i] { serve(lines[place], place == 0 ? "a" : "b", place, i); });
  }
  threads.emplace_back([&] {
    for (int i = 0; i < kWaiters; i += 5) {
      if (waiters[static_cast<size_t>(i)]->End()) ended.fetch_add(1);
    }
  });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(served.load() + ended.load(), kWaiters);
  for (Line& line : lines) EXPECT_TRUE(line.registry.empty());
  for (const auto& waiter : waiters) EXPECT_TRUE(waiter->done());
}

}  // namespace
}  // namespace henge::store
