// SPDX-License-Identifier: Apache-2.0
// A whole node whose clients wait for keys: what they are given, and what the listener is told.
#include "server/awakener.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "server/config/config.h"
#include "server/node.h"
#include "server/session.h"
#include "server/testing/test_client.h"

namespace henge::server {
namespace {

using ::testing::ElementsAre;

class Units final : public persistence::EffectListener {
 public:
  Lsn OnUnit(std::span<const persistence::Effect> effects, Slot) override {
    std::string line;
    for (const persistence::Effect& effect : effects) {
      for (const std::string_view word : effect.words) {
        if (!line.empty()) line += ' ';
        line += word;
      }
    }
    const std::lock_guard lock(mu_);
    lines_.push_back(line);
    return 0;
  }
  std::vector<std::string> Take() {
    const std::lock_guard lock(mu_);
    return std::exchange(lines_, {});
  }

 private:
  std::mutex mu_;
  std::vector<std::string> lines_;
};

std::unique_ptr<Config> TwoWorkers() {
  auto config = std::make_unique<Config>();
  EXPECT_TRUE(
      config->LoadText("port 0\nio-threads 2\nsave \"\"\ndbfilename none.rdb\n", "test").ok());
  return config;
}

using Client = TestClient;

class AwakenerTest : public ::testing::Test {
 protected:
  AwakenerTest() { EXPECT_TRUE(node_.Start().ok()); }
  // Sends it, and returns once it waits.
  void Block(Client& client, const std::string& line) {
    const size_t before = Waiting();
    client.Send(line);
    while (Waiting() == before) std::this_thread::yield();
  }
  size_t Waiting() {
    size_t waiting = 0;
    node_.clients().ForEach([&](Session& session) { waiting += session.waits() ? 1 : 0; });
    return waiting;
  }

  Units units_;
  Node node_{TwoWorkers(), &units_};
};

TEST_F(AwakenerTest, TellsWhatWaitersDidBehindWhatServedThem) {
  Client writer(node_, 0), mover(node_, 1), popper(node_, 1);
  Block(mover, "BLMOVE from to LEFT RIGHT 0\r\n");
  Block(popper, "BLPOP to 0\r\n");
  writer.Send("SET before 1\r\nRPUSH from e\r\nSET after 1\r\n");
  writer.Expect("+OK\r\n:1\r\n+OK\r\n");
  mover.Expect("$1\r\ne\r\n");
  popper.Expect("*2\r\n$2\r\nto\r\n$1\r\ne\r\n");
  EXPECT_THAT(units_.Take(), ElementsAre("SET before 1", "RPUSH from e", "LMOVE from to LEFT RIGHT",
                                         "LPOP to", "SET after 1"));
}

TEST_F(AwakenerTest, TellsTheCommandThatDoesNotWait) {
  Client writer(node_, 0), waiter(node_, 1);
  Block(waiter, "BLMPOP 0 2 a b RIGHT COUNT 2\r\n");
  writer.Send("RPUSH b 1 2 3\r\n");
  waiter.Expect("*2\r\n$1\r\nb\r\n*2\r\n$1\r\n3\r\n$1\r\n2\r\n");
  Block(waiter, "BRPOPLPUSH k k 0\r\n");
  writer.Send("RPUSH k x\r\n");
  waiter.Expect("$1\r\nx\r\n");
  waiter.Send("BRPOP k 0\r\n");  // Does not wait.
  waiter.Expect("*2\r\n$1\r\nk\r\n$1\r\nx\r\n");
  EXPECT_THAT(units_.Take(),
              ElementsAre("RPUSH b 1 2 3", "RPOP b 2", "RPUSH k x", "RPOPLPUSH k k", "RPOP k"));
}

TEST_F(AwakenerTest, ServesBehindTheWholeTransaction) {
  Client writer(node_, 0), first(node_, 1), second(node_, 0);
  Block(first, "BLPOP a b 0\r\n");
  Block(second, "BLPOP b 0\r\n");
  writer.Send("MULTI\r\nRPUSH b 1\r\nRPUSH b 2\r\nRPUSH a 3\r\nEXEC\r\n");
  first.Expect("*2\r\n$1\r\na\r\n$1\r\n3\r\n");
  second.Expect("*2\r\n$1\r\nb\r\n$1\r\n1\r\n");
  EXPECT_THAT(units_.Take(), ElementsAre("RPUSH b 1 RPUSH b 2 RPUSH a 3", "LPOP a", "LPOP b"));
}

TEST_F(AwakenerTest, LooksAgainWhereTheShardWasNotHeld) {
  Client writer(node_, 0), waiter(node_, 1);
  waiter.Send("SELECT 2\r\n");
  waiter.Expect("+OK\r\n");
  Block(waiter, "BLMOVE from elsewhere LEFT RIGHT 0\r\n");
  // The locks are taken for the client's database, before SELECT is run.
  writer.Send("MULTI\r\nSELECT 2\r\nRPUSH from x\r\nEXEC\r\n");
  waiter.Expect("$1\r\nx\r\n");
}

TEST(ReadyKeys, KeepsEachOnceInOrder) {
  ReadyKeys ready;
  for (int turn = 0; turn < 3; ++turn) {
    for (int i = 0; i < 30; ++i) ready.Add(0, "k" + std::to_string(i));
    ready.Add(1, "k0");
  }
  const auto keys = ready.Take();
  ASSERT_EQ(keys.size(), 31u);
  EXPECT_EQ(keys[7].key, "k7");
  EXPECT_EQ(keys[29].key, "k29");
  EXPECT_EQ(keys[30].db, 1);
  EXPECT_TRUE(ready.empty());
}

}  // namespace
}  // namespace henge::server
