// SPDX-License-Identifier: Apache-2.0
// Whole nodes: what a client's commands are told as to the listener, and that a second node that is
// told the same comes to the same data.
#include <absl/strings/str_join.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/random.h"
#include "base/strings.h"
#include "persistence/journal/unit_encoding.h"
#include "server/config/config.h"
#include "server/node.h"

namespace henge::server {
namespace {

using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::IsEmpty;
using ::testing::MatchesRegex;

using Words = std::vector<std::string>;

// Keeps each unit as its commands, and a SELECT before what is not for database 0.
class Recording final : public persistence::EffectListener {
 public:
  Lsn OnUnit(std::span<const persistence::Effect> effects, Slot) override {
    const std::lock_guard lock(mu_);
    for (const persistence::Effect& effect : effects) {
      commands_.push_back({effect.db, Words(effect.words.begin(), effect.words.end())});
      std::string encoded(persistence::MeasureCommand(effect.words), '\0');
      persistence::EncodeCommand(effect.words, encoded.data());
      EXPECT_THAT(effect.wire, AnyOf(IsEmpty(), encoded));
    }
    units_.push_back(effects.size());
    return 0;
  }
  struct Told {
    DbIndex db;
    Words words;
  };
  std::vector<Told> Take() {
    const std::lock_guard lock(mu_);
    return std::exchange(commands_, {});
  }
  std::vector<size_t> units() {
    const std::lock_guard lock(mu_);
    return units_;
  }

 private:
  std::mutex mu_;
  std::vector<Told> commands_;
  std::vector<size_t> units_;
};

std::unique_ptr<Config> SmallConfig() {
  auto config = std::make_unique<Config>();
  // Thresholds so low that collections change their form often.
  EXPECT_TRUE(config
                  ->LoadText("port 0\nio-threads 1\nenable-debug-command yes\n"
                             "hash-max-listpack-entries 12\nset-max-listpack-entries 12\n"
                             "set-max-intset-entries 8\nzset-max-listpack-entries 12\n"
                             "list-max-listpack-size 10\nsave \"\"\ndbfilename none.rdb\n",
                             "test")
                  .ok());
  return config;
}

// A node and one client of it. Ask returns the reply's bytes.
class Served {
 public:
  explicit Served(persistence::EffectListener* listener = nullptr)
      : node_(SmallConfig(), listener) {
    EXPECT_TRUE(node_.Start().ok());
    int fds[2];
    EXPECT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    node_.workers()[0]->Adopt(fds[1], "test:0", "test:0", true);
    fd_ = fds[0];
  }
  ~Served() { close(fd_); }
  Served(const Served&) = delete;
  Served& operator=(const Served&) = delete;

  std::string Ask(const Words& words) { return AskAll({words}); }
  // All their replies. An ECHO behind them marks the end, so a transaction must be whole.
  std::string AskAll(const std::vector<Words>& commands) {
    static constexpr std::string_view kMark = "$7\r\n--end--\r\n";
    std::string request;
    for (const Words& words : commands) request += Encode(words);
    request += Encode({"ECHO", "--end--"});
    EXPECT_EQ(send(fd_, request.data(), request.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(request.size()));
    std::string reply;
    while (!reply.ends_with(kMark)) {
      pollfd poller{fd_, POLLIN, 0};
      if (poll(&poller, 1, 30'000) <= 0) return "no reply";
      char buffer[4096];
      const ssize_t n = read(fd_, buffer, sizeof(buffer));
      if (n <= 0) return "closed";
      reply.append(buffer, static_cast<size_t>(n));
    }
    reply.resize(reply.size() - kMark.size());
    return reply;
  }

 private:
  static std::string Encode(const Words& words) {
    std::string out = "*" + std::to_string(words.size()) + "\r\n";
    for (const std::string& word : words) {
      out += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
    }
    return out;
  }
  Node node_;
  int fd_ = -1;
};

class EffectsTest : public ::testing::Test {
 protected:
  // The effects of one command, a line each.
  std::vector<std::string> Of(const Words& words) { return OfAll({words}); }
  std::vector<std::string> OfAll(const std::vector<Words>& commands) {
    served_.AskAll(commands);
    std::vector<std::string> lines;
    for (const auto& told : recording_.Take()) lines.push_back(absl::StrJoin(told.words, " "));
    return lines;
  }

  Recording recording_;
  Served served_{&recording_};
};

TEST_F(EffectsTest, TellsAWriteAsItWasSent) {
  EXPECT_THAT(Of({"set", "k", "v"}), ElementsAre("set k v"));
  EXPECT_THAT(Of({"MSET", "a", "1", "b", "2"}), ElementsAre("MSET a 1 b 2"));
  EXPECT_THAT(Of({"FLUSHALL"}), ElementsAre("FLUSHALL"));
}

TEST_F(EffectsTest, TellsNothingWhereNothingChanged) {
  Of({"SET", "k", "v"});
  EXPECT_THAT(Of({"GET", "k"}), IsEmpty());
  EXPECT_THAT(Of({"DEL", "absent"}), IsEmpty());
  EXPECT_THAT(Of({"SET", "k", "w", "NX"}), IsEmpty());
  EXPECT_THAT(Of({"INCR", "k"}), IsEmpty());
  EXPECT_THAT(Of({"PERSIST", "k"}), IsEmpty());
}

TEST_F(EffectsTest, TellsDeadlinesAsMoments) {
  EXPECT_THAT(Of({"SET", "k", "v", "EX", "100", "GET"}),
              ElementsAre(MatchesRegex("SET k v PXAT [0-9]{13}")));
  EXPECT_THAT(Of({"SET", "k", "v", "pxat", "9999999999999"}),
              ElementsAre("SET k v pxat 9999999999999"));
  EXPECT_THAT(Of({"SETEX", "k", "100", "v"}), ElementsAre(MatchesRegex("SET k v PXAT [0-9]{13}")));
  EXPECT_THAT(Of({"EXPIRE", "k", "50", "LT"}), ElementsAre(MatchesRegex("PEXPIREAT k [0-9]{13}")));
  EXPECT_THAT(Of({"GETEX", "k", "PX", "70000"}),
              ElementsAre(MatchesRegex("PEXPIREAT k [0-9]{13}")));
  EXPECT_THAT(Of({"GETEX", "k", "PERSIST"}), ElementsAre("PERSIST k"));
  EXPECT_THAT(Of({"EXPIRE", "k", "-1"}), ElementsAre("DEL k"));
}

TEST_F(EffectsTest, TellsDeletionsAsConfigured) {
  Of({"CONFIG", "SET", "lazyfree-lazy-server-del", "yes", "lazyfree-lazy-expire", "yes"});
  Of({"SADD", "s", "a", "b"});
  EXPECT_THAT(Of({"SPOP", "s", "2"}), ElementsAre("UNLINK s"));
  Of({"SET", "k", "v"});
  EXPECT_THAT(Of({"EXPIRE", "k", "-1"}), ElementsAre("UNLINK k"));
  Of({"SET", "k", "v"});
  EXPECT_THAT(Of({"GETDEL", "k"}), ElementsAre("DEL k"));
}

TEST_F(EffectsTest, TellsRestoredValuesWithTheirMoment) {
  const std::string ten("\x00\xc0\n\n\x00n\x9fWE\x0e\xae\x63\xbb", 13);  // As DUMP gave it.
  EXPECT_THAT(Of({"RESTORE", "k", "0", ten}), ElementsAre("RESTORE k 0 " + ten));
  EXPECT_THAT(Of({"RESTORE", "k", "0", ten}), IsEmpty());
  EXPECT_THAT(Of({"RESTORE", "k", "5000", ten, "REPLACE"}),
              ElementsAre(AllOf(MatchesRegex("RESTORE k [0-9]{13} (.|\n)*"),
                                EndsWith(ten + " REPLACE ABSTTL"))));
  EXPECT_THAT(Of({"RESTORE", "k", "1", ten, "REPLACE", "ABSTTL"}), ElementsAre("DEL k"));
  EXPECT_THAT(Of({"RESTORE", "k", "1", ten, "REPLACE", "ABSTTL"}), IsEmpty());
}

TEST_F(EffectsTest, TellsWhatWasTakenOrWorkedOut) {
  Of({"SET", "k", "10.5"});
  EXPECT_THAT(Of({"INCRBYFLOAT", "k", "0.1"}), ElementsAre("SET k 10.6 KEEPTTL"));
  EXPECT_THAT(Of({"GETSET", "k", "w"}), ElementsAre("SET k w"));
  EXPECT_THAT(Of({"SET", "k", "v", "get", "XX"}), ElementsAre("SET k v XX"));
  EXPECT_THAT(Of({"GETDEL", "k"}), ElementsAre("DEL k"));
}

TEST_F(EffectsTest, TellsWhatBecameOfFields) {
  Of({"HSET", "h", "a", "1", "b", "2", "c", "3", "d", "4"});
  EXPECT_THAT(Of({"HGETEX", "h", "FIELDS", "1", "a"}), IsEmpty());
  EXPECT_THAT(Of({"HGETEX", "h", "EX", "100", "FIELDS", "2", "a", "x"}),
              ElementsAre(MatchesRegex("HPEXPIREAT h [0-9]{13} FIELDS 1 a")));
  EXPECT_THAT(Of({"HGETEX", "h", "PERSIST", "FIELDS", "2", "a", "b"}),
              ElementsAre("HPERSIST h FIELDS 1 a"));
  EXPECT_THAT(Of({"HGETEX", "h", "PERSIST", "FIELDS", "1", "a"}), IsEmpty());
  EXPECT_THAT(Of({"HGETEX", "h", "PXAT", "1", "FIELDS", "1", "a"}), ElementsAre("HDEL h a"));
  EXPECT_THAT(Of({"HGETDEL", "h", "FIELDS", "2", "b", "x"}), ElementsAre("HDEL h b"));
  EXPECT_THAT(Of({"HGETDEL", "h", "FIELDS", "1", "x"}), IsEmpty());
  EXPECT_THAT(Of({"HSETEX", "h", "FXX", "EX", "100", "FIELDS", "1", "c", "5"}),
              ElementsAre(MatchesRegex("HSETEX h PXAT [0-9]{13} FIELDS 1 c 5")));
  EXPECT_THAT(Of({"HSETEX", "h", "FNX", "FIELDS", "1", "c", "6"}), IsEmpty());
  EXPECT_THAT(Of({"HSETEX", "h", "PXAT", "1", "FIELDS", "2", "c", "7", "y", "8"}),
              ElementsAre("HDEL h c"));
  EXPECT_THAT(Of({"HSETEX", "none", "PXAT", "1", "FIELDS", "1", "y", "8"}), IsEmpty());
}

TEST_F(EffectsTest, TellsIdsOfStreamsAndExactTrims) {
  EXPECT_THAT(Of({"XADD", "s", "*", "f", "v"}),
              ElementsAre(MatchesRegex("XADD s [0-9]{13}-0 f v")));
  EXPECT_THAT(Of({"XADD", "t", "1-1", "f", "v"}), ElementsAre("XADD t 1-1 f v"));
  EXPECT_THAT(Of({"XADD", "t", "MAXLEN", "~", "9", "LIMIT", "7", "2-*", "f", "v"}),
              ElementsAre("XADD t MAXLEN = 2 2-0 f v"));
  EXPECT_THAT(Of({"XADD", "t", "NOMKSTREAM", "MINID", "~", "0", "3-1", "f", "v"}),
              ElementsAre("XADD t NOMKSTREAM MINID = 1-1 3-1 f v"));
  EXPECT_THAT(Of({"XTRIM", "t", "MAXLEN", "~", "9"}), IsEmpty());
  EXPECT_THAT(Of({"XTRIM", "t", "MAXLEN", "~", "0", "LIMIT", "5"}),
              ElementsAre("XTRIM t MAXLEN = 0"));
}

TEST_F(EffectsTest, TellsDeliveriesAsClaims) {
  OfAll({{"XADD", "t", "5-1", "f", "v"}, {"XGROUP", "CREATE", "t", "g", "0"}});
  EXPECT_THAT(Of({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "t", ">"}),
              ElementsAre(MatchesRegex("XCLAIM t g c 0 5-1 TIME [0-9]{13} RETRYCOUNT 1 FORCE "
                                       "JUSTID LASTID 5-1")));
  EXPECT_THAT(Of({"XREADGROUP", "GROUP", "g", "c", "STREAMS", "t", "0"}), IsEmpty());
  Of({"XADD", "t", "6-1", "f", "v"});
  EXPECT_THAT(Of({"XREADGROUP", "GROUP", "g", "d", "NOACK", "STREAMS", "t", ">"}),
              ElementsAre("XGROUP CREATECONSUMER t g d", "XGROUP SETID t g 6-1 ENTRIESREAD 2"));
  EXPECT_THAT(Of({"XAUTOCLAIM", "t", "g", "d", "0", "-"}),
              ElementsAre(MatchesRegex("XCLAIM t g d 0 5-1 TIME [0-9]{13} RETRYCOUNT 3 FORCE "
                                       "JUSTID LASTID 6-1")));
  EXPECT_THAT(Of({"XCLAIM", "t", "g", "d", "0", "9-9", "LASTID", "7-1"}),
              ElementsAre("XGROUP SETID t g 7-1 ENTRIESREAD 2"));
  EXPECT_THAT(Of({"XACK", "t", "g", "9-9"}), IsEmpty());
  EXPECT_THAT(Of({"XACK", "t", "g", "5-1"}), ElementsAre("XACK t g 5-1"));
}

TEST_F(EffectsTest, TellsExpiryAsDeletionBeforeTheCallThatFoundIt) {
  Of({"DEBUG", "SET-ACTIVE-EXPIRE", "0"});
  Of({"SET", "k", "v", "PXAT", "1"});
  EXPECT_THAT(Of({"GET", "k"}), ElementsAre("DEL k"));
  Of({"SET", "k", "v", "PXAT", "1"});
  EXPECT_THAT(Of({"SET", "k", "w", "XX"}), ElementsAre("DEL k"));
  Of({"SET", "k", "v", "PXAT", "1"});
  EXPECT_THAT(Of({"APPEND", "k", "w"}), ElementsAre("DEL k", "APPEND k w"));
  EXPECT_EQ(recording_.units().back(), 2u);
}

TEST_F(EffectsTest, TellsATransactionAsOneUnit) {
  EXPECT_THAT(OfAll({{"MULTI"}, {"SET", "a", "1"}, {"GET", "a"}, {"EXPIRE", "a", "-1"}, {"EXEC"}}),
              ElementsAre("SET a 1", "DEL a"));
  EXPECT_EQ(recording_.units().back(), 2u);
  EXPECT_THAT(OfAll({{"MULTI"}, {"GET", "a"}, {"EXEC"}}), IsEmpty());
}

TEST_F(EffectsTest, SaysWhichDatabase) {
  Of({"SELECT", "3"});
  served_.Ask({"SET", "k", "v"});
  const auto told = recording_.Take();
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].db, 3);
}

// Commands whose outcome depends on lots, clocks or earlier data; #k and the like stand for one of
// a few keys, #v for a value.
const std::vector<Words>& Forms() {
  static const std::vector<Words> kForms = {
      {"SET", "#k", "#v"},
      {"SET", "#k", "#v", "EX", "1000", "NX"},
      {"SET", "#k", "#v", "XX", "KEEPTTL"},
      {"SETRANGE", "#k", "5", "#v"},
      {"APPEND", "#k", "#v"},
      {"INCRBYFLOAT", "#k", "1.25"},
      {"INCRBY", "#k", "7"},
      {"GETDEL", "#k"},
      {"GETEX", "#k", "EX", "500"},
      {"EXPIRE", "#k", "900", "GT"},
      {"PEXPIRE", "#k", "-5"},
      {"RENAME", "#k", "#k"},
      {"COPY", "#k", "#k", "REPLACE"},
      {"MSETNX", "#k", "#v", "#k", "#v"},
      {"SETBIT", "#k", "77", "1"},
      {"BITOP", "XOR", "#k", "#k", "#k"},
      {"MOVE", "#k", "1"},
      {"XADD", "#s", "*", "f", "#v"},
      {"XADD", "#s", "MAXLEN", "~", "30", "*", "f", "#v", "g", "#v"},
      {"XTRIM", "#s", "MAXLEN", "#v"},
      {"XTRIM", "#s", "MINID", "~", "#v"},
      {"XGROUP", "CREATE", "#s", "g", "0"},
      {"XREADGROUP", "GROUP", "g", "c", "COUNT", "3", "STREAMS", "#s", ">"},
      {"XAUTOCLAIM", "#s", "g", "d", "0", "-"},
      {"LPUSH", "#l", "#v", "#v", "#v"},
      {"RPOP", "#l", "2"},
      {"LMPOP", "2", "#l", "#l", "LEFT", "COUNT", "2"},
      {"LMOVE", "#l", "#l", "RIGHT", "LEFT"},
      {"BLPOP", "#l", "#l", "0.001"},
      {"LINSERT", "#l", "BEFORE", "#v", "#v"},
      {"LREM", "#l", "1", "#v"},
      {"LTRIM", "#l", "1", "20"},
      {"SADD", "#e", "#v", "#v", "#v"},
      {"SADD", "#e", "m#v"},
      {"SPOP", "#e"},
      {"SPOP", "#e", "3"},
      {"SMOVE", "#e", "#e", "#v"},
      {"SUNIONSTORE", "#e", "#e", "#e"},
      {"SDIFFSTORE", "#e", "#e", "#e"},
      {"HSET", "#h", "#v", "#v", "#v", "#v"},
      {"HINCRBYFLOAT", "#h", "#v", "0.1"},
      {"HDEL", "#h", "#v", "#v"},
      {"HEXPIRE", "#h", "1000", "FIELDS", "1", "#v"},
      {"HPEXPIRE", "#h", "-1", "FIELDS", "1", "#v"},
      {"HPERSIST", "#h", "FIELDS", "1", "#v"},
      {"HGETDEL", "#h", "FIELDS", "1", "#v"},
      {"HGETEX", "#h", "EX", "1000", "FIELDS", "2", "#v", "#v"},
      {"HGETEX", "#h", "PERSIST", "FIELDS", "2", "#v", "#v"},
      {"HSETEX", "#h", "FXX", "PXAT", "1", "FIELDS", "1", "#v", "#v"},
      {"HSETEX", "#h", "EX", "1000", "FIELDS", "1", "#v", "#v"},
      {"ZADD", "#z", "GT", "CH", "#v", "#v"},
      {"ZINCRBY", "#z", "0.3", "#v"},
      {"ZPOPMIN", "#z", "2"},
      {"ZMPOP", "1", "#z", "MAX"},
      {"ZUNIONSTORE", "#z", "2", "#z", "#z", "WEIGHTS", "1", "0.5"},
      {"ZRANGESTORE", "#z", "#z", "1", "4"},
      {"ZREMRANGEBYRANK", "#z", "0", "0"},
      {"GEOADD", "#z", "13.361389", "38.115556", "#v"},
      {"SORT", "#l", "STORE", "#l"},
      {"PFADD", "hll", "#v"},
  };
  return kForms;
}

Words AnyCommand(Random& random) {
  Words words = Forms()[random.Below(Forms().size())];
  for (std::string& word : words) {
    if (word == "#k") word = "key" + std::to_string(random.Below(6));
    if (word == "#s") word = "stream" + std::to_string(random.Below(2));
    if (word == "#l") word = "list" + std::to_string(random.Below(3));
    if (word == "#e") word = "set" + std::to_string(random.Below(3));
    if (word == "#h") word = "hash" + std::to_string(random.Below(2));
    if (word == "#z") word = "zset" + std::to_string(random.Below(2));
    if (word == "#v") word = std::to_string(random.Below(40));
    if (word == "m#v") word = "m" + std::to_string(random.Below(40));
  }
  return words;
}

TEST_F(EffectsTest, BringASecondNodeToTheSameData) {
  Served follower;
  Random random(4242);
  DbIndex selected = 0;
  for (int i = 0; i < 12000; ++i) {
    served_.Ask(AnyCommand(random));
    for (const auto& told : recording_.Take()) {
      if (told.db != selected) follower.Ask({"SELECT", std::to_string(told.db)});
      selected = told.db;
      EXPECT_FALSE(follower.Ask(told.words).starts_with('-')) << absl::StrJoin(told.words, " ");
    }
  }
  EXPECT_EQ(follower.Ask({"DEBUG", "DIGEST"}), served_.Ask({"DEBUG", "DIGEST"}));
  EXPECT_NE(served_.Ask({"DBSIZE"}), ":0\r\n");
}

}  // namespace
}  // namespace henge::server
