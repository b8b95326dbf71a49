// SPDX-License-Identifier: Apache-2.0
// A follower's intake without a leader: bytes of a stream go in, in pieces; what comes out is
// looked at by clients and in the journal.
#include "server/replication/apply_lanes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "server/config/config.h"
#include "server/node.h"
#include "server/replication/unit_intake.h"
#include "server/session.h"

namespace henge::server {
namespace {

using Words = std::vector<std::string>;

std::string Encode(const Words& words) {
  std::string out = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return out;
}

std::unique_ptr<Config> WithLanes(int lanes) {
  auto config = std::make_unique<Config>();
  EXPECT_TRUE(config
                  ->LoadText("port 0\nenable-debug-command yes\nsave \"\"\ndbfilename none.rdb\n"
                             "notify-keyspace-events KA\nio-threads " +
                                 std::to_string(lanes) + "\n",
                             "test")
                  .ok());
  return config;
}

// A node that is fed.
class Fed {
 public:
  explicit Fed(int lanes) : node_(WithLanes(lanes)) {
    EXPECT_TRUE(node_.Start().ok());
    reader_ = node_.journaling().journal().AttachAtEnd({.hold_bytes = ~uint64_t{0}});
    begin_ = reader_->cursor();
  }
  Node& node() { return node_; }
  Lsn begin() const { return begin_; }

  void Feed(std::string_view stream, Random& random) {
    UnitIntake intake(node_, 0);
    while (!stream.empty()) {
      const size_t piece = std::min<size_t>(stream.size(), 1 + random.Below(128 * 1024));
      EXPECT_TRUE(intake.Take(stream.substr(0, piece)).ok());
      stream.remove_prefix(piece);
    }
  }
  std::string Journal(std::vector<std::tuple<Lsn, Slot, DbIndex>>* tags = nullptr) {
    std::string bytes;
    while (true) {
      const persistence::JournalBatch& batch = reader_->Read(1 << 20);
      if (batch.empty()) return bytes;
      for (const persistence::Slice& slice : batch.slices()) {
        bytes += slice.bytes();
        for (uint32_t i = 0; tags != nullptr && i < slice.size(); ++i) {
          const persistence::Record record = slice.record(i);
          tags->emplace_back(record.end, record.tag.slot, record.tag.db);
        }
      }
    }
  }

 private:
  Node node_;
  std::unique_ptr<persistence::JournalReader> reader_;
  Lsn begin_ = 0;
};

class Client {
 public:
  Client(Node& node, size_t worker) {
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    node.workers()[worker]->Adopt(fds[1], "test:0", "test:0", true);
    fd_ = fds[0];
  }
  ~Client() { close(fd_); }
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The lines of what is answered, of which there are so many.
  std::vector<std::string> Ask(const std::string& request, size_t lines) {
    EXPECT_EQ(send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    return Read(lines);
  }
  std::vector<std::string> Read(size_t lines) {
    std::vector<std::string> found;
    while (found.size() < lines) {
      if (const size_t end = buffer_.find("\r\n"); end != std::string::npos) {
        found.push_back(buffer_.substr(0, end));
        buffer_.erase(0, end + 2);
        continue;
      }
      pollfd poller{fd_, POLLIN, 0};
      if (poll(&poller, 1, 60'000) <= 0) return {"no reply"};
      char bytes[4096];
      const ssize_t n = read(fd_, bytes, sizeof(bytes));
      if (n <= 0) return {"closed"};
      buffer_.append(bytes, static_cast<size_t>(n));
    }
    return found;
  }

 private:
  int fd_ = -1;
  std::string buffer_;
};

// --- A leader's stream
// ----------------------------------------------------------------------------

class Streamer {
 public:
  explicit Streamer(unsigned seed) : random_(seed) {}

  // Seldom something that concerns several shards: one in `rarity`.
  std::string Units(size_t count, unsigned rarity) {
    std::string out;
    for (size_t i = 0; i < count; ++i) {
      if (Below(60) == 0) out += Encode({"SELECT", std::to_string(Below(3))});
      if (Below(rarity) != 0) {
        out += Encode(OfOneKey(Key()));
      } else if (Below(2) == 0) {
        out += Transaction();
      } else {
        out += Encode(OfSeveral());
      }
    }
    return out;
  }

 private:
  unsigned Below(unsigned n) { return static_cast<unsigned>(random_.Below(n)); }
  std::string Key() { return std::to_string(Below(200)); }
  std::string Member() { return "m" + std::to_string(Below(30)); }

  Words OfOneKey(const std::string& key) {
    switch (Below(14)) {
      case 0:
        return {"SET", "s" + key, std::string(Below(300), 'x')};
      case 1:
        return {"APPEND", "s" + key, Member()};
      case 2:
        return {"INCRBY", "i" + key, std::to_string(Below(1000))};
      case 3:
        return {"RPUSH", "l" + key, Member(), Member()};
      case 4:
        return {"LPOP", "l" + key};
      case 5:
        return {"SADD", "e" + key, Member(), std::to_string(Below(1000))};
      case 6:
        return {"SREM", "e" + key, Member()};
      case 7:
        return {"HSET", "h" + key, Member(), std::to_string(Below(1000))};
      case 8:
        return {"HDEL", "h" + key, Member()};
      case 9:
        return {"ZADD", "z" + key, std::to_string(Below(100)), Member()};
      case 10:
        return {"XADD", "x" + key, "MAXLEN", "20", std::to_string(++entry_) + "-0", "f", Member()};
      case 11:
        return {"DEL", "selhzxi"[Below(7)] + key};
      case 12:
        return {"PEXPIREAT", "s" + key, "4102444800000"};
      default:
        return {"LREM", "s" + key, "0", "x"};  // Refused, if it is there.
    }
  }
  Words OfSeveral() {
    switch (Below(9)) {
      case 0:
        return {"RENAME", "s" + Key(), "s" + Key()};
      case 1:
        return {"RPOPLPUSH", "l" + Key(), "l" + Key()};
      case 2:
        return {"SUNIONSTORE", "e" + Key(), "e" + Key(), "e" + Key()};
      case 3:
        return {"MSET", "s" + Key(), Member(), "s" + Key(), Member()};
      case 4:
        return {"PUBLISH", "news", Member()};
      case 5:
        return {"SWAPDB", "0", "1"};
      case 6:
        return {"PING"};
      case 7:
        return {"MOVE", "s" + Key(), "2"};
      default:
        return Below(20) == 0 ? Words{"FLUSHDB"}
                              : Words{"COPY", "h" + Key(), "h" + Key(), "REPLACE"};
    }
  }
  std::string Transaction() {
    std::string out = Encode({"MULTI"});
    for (unsigned left = Below(5); left > 0; --left) {
      if (Below(10) == 0) out += Encode({"SELECT", std::to_string(Below(3))});
      out += Encode(Below(4) == 0 ? OfSeveral() : OfOneKey(Key()));
    }
    return out + Encode({"EXEC"});
  }

  Random random_;
  uint64_t entry_ = 0;
};

std::string Digest(Node& node) {
  Client client(node, 0);
  return client.Ask("DEBUG DIGEST\r\n", 1)[0];
}

TEST(ApplyLanesTest, ComeToTheSameDataAndJournalAsOneLane) {
  for (unsigned seed = 1; seed <= 6; ++seed) {
    Streamer streamer(seed);
    Random random(seed);
    Fed one(1), several(static_cast<int>(2 + seed % 3));
    std::vector<std::tuple<Lsn, Slot, DbIndex>> tags, other_tags;
    for (const unsigned rarity : {2u, 400u, 20u}) {
      const std::string stream = streamer.Units(6000, rarity);
      one.Feed(stream, random);
      several.Feed(stream, random);
      ASSERT_EQ(one.Journal(&tags), stream) << seed;
      ASSERT_EQ(several.Journal(&other_tags), stream) << seed;
      ASSERT_EQ(tags, other_tags) << seed;
      ASSERT_EQ(Digest(one.node()), Digest(several.node())) << seed << " " << rarity;
      ASSERT_EQ(one.node().replication().stream_db(), several.node().replication().stream_db());
      ASSERT_EQ(SumTotals(one.node()).commands, SumTotals(several.node()).commands);
    }
  }
}

TEST(ApplyLanesTest, NobodySeesHalfOfATransaction) {
  Fed fed(4);
  std::string stream;
  for (int n = 0; n < 20000; ++n) {
    const std::string value = std::to_string(n);
    const std::string pair = std::to_string(n % 50);
    if (n % 200 < 150) {
      stream += Encode({"SET", "single" + value, value});
    } else {
      stream += Encode({"MULTI"}) + Encode({"SET", "a" + pair, value}) +
                Encode({"SET", "b" + pair, value}) + Encode({"EXEC"});
    }
  }
  std::atomic<bool> over{false};
  std::vector<std::thread> readers;
  for (size_t worker = 0; worker < 4; ++worker) {
    readers.emplace_back([&, worker] {
      Client client(fed.node(), worker);
      Random random(worker);
      while (!over.load()) {
        const std::string pair = std::to_string(random.Below(50));
        std::string get = "MGET a" + pair + " b" + pair + "\r\n";
        if (worker % 2 == 0) {
          client.Ask("MULTI\r\nGET a" + pair + "\r\nGET b" + pair + "\r\n", 3);
          get = "EXEC\r\n";
        }
        const std::string size = client.Ask(get, 2)[1];
        std::string values[2];
        if (size == "$-1") {
          ASSERT_EQ(client.Read(1)[0], "$-1");
          continue;
        }
        values[0] = client.Read(1)[0];
        ASSERT_EQ(client.Read(1)[0], size);
        values[1] = client.Read(1)[0];
        ASSERT_EQ(values[0], values[1]);
      }
    });
  }
  Random random(1);
  fed.Feed(stream, random);
  over.store(true);
  for (std::thread& reader : readers) reader.join();
}

TEST(ApplyLanesTest, UnderAllLocksTheDataIsWhatTheJournalHas) {
  Fed fed(4);
  std::string stream;
  size_t length = 0;
  constexpr int kUnits = 40000;
  for (int n = 0; n < kUnits; ++n) {
    stream += Encode({"SET", std::to_string(100000 + n), "x"});
    if (n == 0) length = stream.size();
  }
  std::atomic<bool> over{false};
  std::atomic<int> seen{0};
  std::vector<std::thread> observers;
  for (int i = 0; i < 2; ++i) {
    observers.emplace_back([&] {
      while (!over.load()) {
        store::LockSet locks(fed.node().store());
        locks.AddAll();
        locks.Lock();
        const Lsn end = fed.node().journaling().journal().end();
        ASSERT_EQ(fed.node().store().KeyCount(0) * length, end - fed.begin());
        locks.Unlock();
        seen.fetch_add(1);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      }
    });
  }
  Random random(1);
  fed.Feed(stream, random);
  over.store(true);
  for (std::thread& observer : observers) observer.join();
  EXPECT_GT(seen.load(), 2);
  EXPECT_EQ(fed.node().store().KeyCount(0), static_cast<uint64_t>(kUnits));
}

TEST(ApplyLanesTest, ALinkThatIsNotFollowedChangesNothing) {
  Fed fed(2);
  UnitIntake intake(fed.node(), 5);
  EXPECT_TRUE(absl::IsCancelled(intake.Take(Encode({"SET", "k", "v"}))));
  EXPECT_EQ(fed.node().store().KeyCount(0), 0u);
  EXPECT_EQ(fed.Journal(), "");
}

TEST(ApplyLanesTest, WhoWaitsForAStreamIsServed) {
  Fed fed(2);
  Client waiter(fed.node(), 1), subscriber(fed.node(), 0);
  subscriber.Ask("SUBSCRIBE __keyspace@0__:x\r\n", 6);
  ASSERT_EQ(waiter.Ask("XREAD BLOCK 1 STREAMS x $\r\n", 1)[0], "*-1");
  const std::string request = "XREAD BLOCK 0 STREAMS x $\r\n";
  std::thread blocked(
      [&] { EXPECT_EQ(waiter.Ask(request, 2), (std::vector<std::string>{"*1", "*2"})); });
  bool waits = false;
  while (!waits) {
    fed.node().clients().ForEach([&](Session& session) { waits = waits || session.waits(); });
    std::this_thread::yield();
  }
  Random random(1);
  fed.Feed(Encode({"XADD", "x", "1-0", "f", "v"}), random);
  blocked.join();
  EXPECT_EQ(subscriber.Read(7)[6], "xadd");
}

}  // namespace
}  // namespace henge::server
