// SPDX-License-Identifier: Apache-2.0
#include "pubsub/exchange.h"

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/crc16.h"

namespace henge::pubsub {
namespace {

class Listener final : public Subscriber {
 public:
  explicit Listener(int worker) : Subscriber(worker) {}
  void Deliver(MessageRun& run) override {
    ++runs;
    shared += run.Shared(false)->view();
    run.ForEach(false, [this](std::string_view head, const BlobRef& body) {
      got.push_back(std::string(head) + std::string(body->view()));
    });
  }
  int runs = 0;
  std::string shared;
  void OnExpelled(std::string_view channel) override { expelled.emplace_back(channel); }
  std::vector<std::string> got;
  std::vector<std::string> expelled;
};

// An exchange whose workers are drained by hand.
struct Fixture {
  explicit Fixture(int workers) : exchange(workers, [this](int w) { woken.push_back(w); }) {}
  std::vector<int> woken;
  Exchange exchange;
};

constexpr auto kChannel = Kind::kChannel;
constexpr auto kPattern = Kind::kPattern;
constexpr auto kShardChannel = Kind::kShardChannel;

TEST(Exchange, TellsNobodyWhenNobodyListens) {
  Fixture f(1);
  EXPECT_FALSE(f.exchange.anyone());
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "c", "m"), 0);
}

TEST(Exchange, DeliversOnTheSameWorkerInRuns) {
  Fixture f(2);
  Listener a(0);
  EXPECT_TRUE(f.exchange.Subscribe(a, kChannel, "c"));
  EXPECT_FALSE(f.exchange.Subscribe(a, kChannel, "c"));
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "c", "hi"), 1);
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "c", "ho"), 1);
  EXPECT_EQ(f.woken, std::vector<int>{0});
  EXPECT_TRUE(a.got.empty());
  f.exchange.Drain(0);
  ASSERT_EQ(a.got.size(), 2u);
  EXPECT_EQ(a.runs, 1);
  EXPECT_EQ(a.got[0], "*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n");
  EXPECT_EQ(a.shared, a.got[0] + a.got[1]);
  EXPECT_TRUE(f.exchange.Unsubscribe(a, kChannel, "c"));
  EXPECT_FALSE(f.exchange.Unsubscribe(a, kChannel, "c"));
  EXPECT_FALSE(f.exchange.anyone());
}

TEST(Exchange, ExpelsFromTheShardChannelsOfASlotAndTells) {
  Fixture f(2);
  Listener a(0);
  Listener b(1);
  f.exchange.Subscribe(a, kShardChannel, "{x}2");
  f.exchange.Subscribe(a, kShardChannel, "{x}1");
  f.exchange.Subscribe(a, kShardChannel, "y");
  f.exchange.Subscribe(a, kChannel, "{x}1");
  f.exchange.Subscribe(b, kShardChannel, "{x}1");
  SlotSet slots;
  slots.set(KeySlot("x"));
  f.exchange.Expel(0, slots);
  EXPECT_EQ(a.expelled, (std::vector<std::string>{"{x}1", "{x}2"}));
  EXPECT_EQ(a.count(kShardChannel), 1u);
  EXPECT_EQ(a.count(kChannel), 1u);
  EXPECT_TRUE(b.expelled.empty());
  f.exchange.Expel(1, slots);
  EXPECT_EQ(b.expelled, (std::vector<std::string>{"{x}1"}));
  EXPECT_EQ(f.exchange.Subscribers(kShardChannel, "{x}1"), 0u);
  EXPECT_EQ(f.exchange.Names(kShardChannel), 1u);
}

TEST(Exchange, WakesAnotherWorkerOnceForMany) {
  Fixture f(2);
  Listener b(1);
  f.exchange.Subscribe(b, kChannel, "c");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(f.exchange.Publish(0, kChannel, "c", "m"), 1);
  EXPECT_EQ(f.woken, std::vector<int>{1});
  EXPECT_TRUE(b.got.empty());
  f.exchange.Drain(1);
  EXPECT_EQ(b.got.size(), 3u);
  f.exchange.UnsubscribeAll(b);
}

TEST(Exchange, MatchesPatterns) {
  Fixture f(1);
  Listener a(0);
  f.exchange.Subscribe(a, kPattern, "n*s");
  f.exchange.Subscribe(a, kPattern, "news");
  f.exchange.Subscribe(a, kChannel, "news");
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "news", "x"), 3);
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "nets", "x"), 1);
  EXPECT_EQ(f.exchange.Publish(0, kChannel, "other", "x"), 0);
  EXPECT_EQ(f.exchange.Publish(0, kShardChannel, "news", "x"), 0);
  f.exchange.Drain(0);
  ASSERT_EQ(a.got.size(), 4u);
  EXPECT_EQ(a.got[0], "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$1\r\nx\r\n");
  EXPECT_EQ(a.got[3], "*4\r\n$8\r\npmessage\r\n$3\r\nn*s\r\n$4\r\nnets\r\n$1\r\nx\r\n");
  EXPECT_EQ(f.exchange.Names(kPattern), 2u);
  f.exchange.UnsubscribeAll(a);
  EXPECT_EQ(f.exchange.Names(kPattern), 0u);
}

TEST(Exchange, GivesWhatCameBeforeTheEndOfASubscription) {
  Fixture f(2);
  Listener a(1);
  Listener later(1);
  f.exchange.Subscribe(a, kChannel, "c");
  f.exchange.Publish(0, kChannel, "c", "1");
  f.exchange.Subscribe(later, kChannel, "c");
  EXPECT_EQ(a.got.size(), 1u);
  EXPECT_TRUE(later.got.empty()) << "It was published before.";
  f.exchange.Publish(0, kChannel, "c", "2");
  f.exchange.Unsubscribe(a, kChannel, "c");
  EXPECT_EQ(a.got.size(), 2u);
  EXPECT_EQ(later.got.size(), 1u);
  f.exchange.Drain(1);
  EXPECT_EQ(a.got.size(), 2u);
  f.exchange.UnsubscribeAll(later);
}

TEST(Exchange, KeepsTheOrderOfTwoPublishersOnTwoWorkers) {
  Fixture f(2);
  Listener b(1);
  f.exchange.Subscribe(b, kChannel, "c");
  f.exchange.Publish(0, kChannel, "c", "1");
  f.exchange.Publish(1, kChannel, "c", "2");  // On b's own worker, which has not drained yet.
  f.exchange.Publish(0, kChannel, "c", "3");
  f.exchange.Drain(1);
  ASSERT_EQ(b.got.size(), 3u);
  EXPECT_EQ(b.shared, b.got[0] + b.got[1] + b.got[2]);
  EXPECT_NE(b.got[0].find("\r\n1\r\n"), std::string::npos);
  f.exchange.UnsubscribeAll(b);
}

TEST(Exchange, DoesNotKeepMuchForTheEndOfTheRound) {
  Fixture f(1);
  Listener a(0);
  f.exchange.Subscribe(a, kChannel, "c");
  const std::string payload(10'000, 'x');
  for (int i = 0; i < 100; ++i) f.exchange.Publish(0, kChannel, "c", payload);
  EXPECT_GT(a.got.size(), 50u);
  EXPECT_EQ(a.runs, static_cast<int>(a.got.size())) << "Runs are cut where they are long.";
  f.exchange.UnsubscribeAll(a);
  EXPECT_EQ(a.got.size(), 100u);
}

TEST(Exchange, CountsAndListsChannels) {
  Fixture f(2);
  Listener a(0);
  Listener b(1);
  f.exchange.Subscribe(a, kChannel, "one");
  f.exchange.Subscribe(b, kChannel, "one");
  f.exchange.Subscribe(b, kShardChannel, "two");
  EXPECT_EQ(f.exchange.Subscribers(kChannel, "one"), 2u);
  EXPECT_EQ(f.exchange.Subscribers(kChannel, "two"), 0u);
  EXPECT_EQ(f.exchange.Subscribers(kShardChannel, "two"), 1u);
  EXPECT_EQ(f.exchange.Channels(kChannel, std::nullopt), std::vector<std::string>{"one"});
  EXPECT_EQ(f.exchange.Channels(kChannel, "t*"), std::vector<std::string>{});
  EXPECT_EQ(f.exchange.Channels(kShardChannel, "t*"), std::vector<std::string>{"two"});
  f.exchange.UnsubscribeAll(a);
  f.exchange.UnsubscribeAll(b);
}

// Threads as workers: each publishes numbers to one channel while its listeners come and go. What
// is counted must be what is received, and each publisher's numbers must come in order.
TEST(Exchange, LosesNothingUnderChange) {
  constexpr int kWorkers = 4;
  constexpr int kRounds = 3000;
  std::array<std::atomic<bool>, kWorkers> wake{};
  Exchange exchange(kWorkers, [&](int w) { wake[static_cast<size_t>(w)].store(true); });
  std::atomic<int64_t> counted{0};
  std::atomic<int64_t> received{0};
  std::atomic<int> busy{kWorkers};
  const auto work = [&](int me) {
    std::vector<std::unique_ptr<Listener>> listeners;
    const auto retire = [&](Listener& listener) {
      exchange.UnsubscribeAll(listener);
      received.fetch_add(static_cast<int64_t>(listener.got.size()));
      std::array<int, kWorkers> last{};
      for (const std::string& message : listener.got) {
        const size_t at = message.rfind(':');
        const auto from = static_cast<size_t>(message[at - 1] - '0');
        const int number = std::stoi(message.substr(at + 1));
        EXPECT_GT(number, last[from]);
        last[from] = number;
      }
    };
    for (int i = 1; i <= kRounds; ++i) {
      if (i % 7 == 0) {
        listeners.push_back(std::make_unique<Listener>(me));
        exchange.Subscribe(*listeners.back(), i % 2 == 0 ? kChannel : kPattern, "c");
      }
      if (i % 21 == 0) {
        retire(*listeners.front());
        listeners.erase(listeners.begin());
      }
      if (listeners.size() > 20) {
        for (const auto& listener : listeners) retire(*listener);
        listeners.clear();
      }
      const std::string message = std::to_string(me) + ":" + std::to_string(i);
      counted.fetch_add(exchange.Publish(me, kChannel, "c", message));
      if (wake[static_cast<size_t>(me)].exchange(false)) exchange.Drain(me);
    }
    busy.fetch_sub(1);
    while (busy.load() > 0) std::this_thread::yield();
    exchange.Drain(me);
    for (const auto& listener : listeners) retire(*listener);
  };
  std::vector<std::thread> threads;
  for (int w = 0; w < kWorkers; ++w) threads.emplace_back(work, w);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(counted.load(), received.load());
  EXPECT_FALSE(exchange.anyone());
}

}  // namespace
}  // namespace henge::pubsub
