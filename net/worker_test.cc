// SPDX-License-Identifier: Apache-2.0
// The front end with a toy handler that echoes each command's last argument: real sockets, real
// epoll.
#include "net/worker.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <future>
#include <string>

#include "base/random.h"
#include "net/listener.h"
#include "proto/reply_writer.h"

namespace henge::net {
namespace {

// "wait" suspends the connection until the test calls Resume; "bye" closes after the reply. "hold"
// suspends all other connections, "kick" closes them; "gate" holds back all replies from then on.
class EchoHandler final : public ConnectionHandler {
 public:
  explicit EchoHandler(Connection& connection) : connection_(connection) {}
  size_t Execute(const Batch& batch) override {
    proto::ReplyWriter reply(connection_.out());
    for (size_t i = 0; i < batch.size(); ++i) {
      const std::string_view last = batch.argv(i).back();
      reply.Bulk(last);
      connection_.worker().ForEachConnection([&](Connection& other) {
        if (&other == &connection_) return;
        if (last == "hold") other.Suspend();
        if (last == "kick") connection_.worker().Close(other);
      });
      if (last == "wait") {
        connection_.Suspend();
        return i + 1;
      }
      if (last == "gate") connection_.HoldOutput();
      if (last == "bye") {
        connection_.CloseAfterFlush();
        return i + 1;
      }
    }
    return batch.size();
  }
  void OnProtocolError(std::string_view text) override {
    proto::ReplyWriter(connection_.out()).Error(text);
    connection_.CloseAfterFlush();
  }
  proto::ParserLimits Limits() const override { return {}; }
  bool AfterWork() override { return true; }

 private:
  Connection& connection_;
};

class EchoFactory final : public HandlerFactory {
 public:
  std::optional<std::string> Admit(std::string_view, bool, size_t open) override {
    if (open >= limit) return "-ERR full\r\n";
    return std::nullopt;
  }
  std::unique_ptr<ConnectionHandler> Open(Connection& connection) override {
    last = &connection;
    return std::make_unique<EchoHandler>(connection);
  }
  std::atomic<size_t> limit{1000};
  std::atomic<Connection*> last{nullptr};
};

// The client's end of a socket pair whose other end a worker owns.
class Peer {
 public:
  explicit Peer(Worker& worker) {
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) != 0) std::abort();
    fcntl(fds[1], F_SETFL, O_NONBLOCK);
    fd_ = fds[0];
    worker.Adopt(fds[1], "test:1", "test:2", true);
  }
  explicit Peer(int fd) : fd_(fd) {}
  ~Peer() { close(fd_); }

  // Writes everything while reading what comes back, so that neither side can stall the other.
  void Send(std::string_view bytes) { Send(bytes, POLLIN | POLLOUT); }
  // Writes everything, reads nothing.
  void SendDeaf(std::string_view bytes) { Send(bytes, POLLOUT); }
  void Send(std::string_view bytes, int16_t interest) {
    while (!bytes.empty()) {
      pollfd poller{fd_, interest, 0};
      ASSERT_GT(poll(&poller, 1, kPatienceMs), 0);
      if ((poller.revents & POLLIN) != 0) ReadSome();
      if ((poller.revents & POLLOUT) == 0) continue;
      const ssize_t n = send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
    }
  }
  // The next `size` bytes of replies; shorter if the connection ended.
  std::string Receive(size_t size) {
    while (received_.size() < size && !ended_) {
      pollfd poller{fd_, POLLIN, 0};
      if (poll(&poller, 1, kPatienceMs) <= 0) break;
      ReadSome();
    }
    std::string out = received_.substr(0, size);
    received_.erase(0, out.size());
    return out;
  }
  // Whether something arrives though nothing should: looks once, at what is there now.
  bool HasMore() {
    pollfd poller{fd_, POLLIN, 0};
    return !received_.empty() || poll(&poller, 1, 0) > 0;
  }
  bool Ended() {
    Receive(1);
    return ended_;
  }

 private:
  static constexpr int kPatienceMs = 30'000;
  void ReadSome() {
    char buffer[65536];
    const ssize_t n = recv(fd_, buffer, sizeof(buffer), 0);
    if (n <= 0) {
      ended_ = true;
    } else {
      received_.append(buffer, static_cast<size_t>(n));
    }
  }
  int fd_;
  std::string received_;
  bool ended_ = false;
};

std::string Bulk(std::string_view text) {
  return "$" + std::to_string(text.size()) + "\r\n" + std::string(text) + "\r\n";
}
std::string Command(std::string_view arg) { return "*2\r\n$4\r\necho\r\n" + Bulk(arg); }

class WorkerTest : public ::testing::Test {
 protected:
  WorkerTest() : worker_(0, factory_) { worker_.Start(); }
  // Returns when everything posted before has been done.
  void Settle() {
    std::mutex mu;
    std::condition_variable cv;
    bool done = false;
    worker_.Post([&] {
      std::lock_guard lock(mu);
      done = true;
      cv.notify_all();
    });
    std::unique_lock lock(mu);
    cv.wait(lock, [&] { return done; });
  }
  // Connections that all send in the same round: `first` on the first, "n" on the others.
  std::vector<std::unique_ptr<Peer>> SendAtOnce(
      int count, const std::string& first, const std::function<void()>& meanwhile = [] {}) {
    std::vector<std::unique_ptr<Peer>> peers;
    for (int i = 0; i < count; ++i) peers.push_back(std::make_unique<Peer>(worker_));
    Settle();
    std::promise<void> stopped;
    std::promise<void> sent;
    worker_.Post([&stopped, done = sent.get_future().share()] {
      stopped.set_value();
      done.wait();
    });
    stopped.get_future().wait();
    for (int i = 0; i < count; ++i) {
      peers[static_cast<size_t>(i)]->Send(Command(i == 0 ? first : std::to_string(i)));
    }
    meanwhile();
    sent.set_value();
    return peers;
  }
  EchoFactory factory_;
  Worker worker_;
};

TEST_F(WorkerTest, AnswersAPipelineInOrder) {
  Peer peer(worker_);
  std::string sent;
  std::string expected;
  for (int i = 0; i < 20'000; ++i) {
    sent += Command(std::to_string(i));
    expected += Bulk(std::to_string(i));
  }
  peer.Send(sent);
  EXPECT_EQ(peer.Receive(expected.size()), expected);
}

TEST_F(WorkerTest, AnswersHoweverTheBytesArrive) {
  Peer peer(worker_);
  Random random(5);
  std::string sent;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::string value(random.Below(i % 50 == 0 ? 100'000 : 40), 'x');
    sent += i % 7 == 0 ? "echo in" + std::to_string(i) + "\r\n" : Command(value);
    expected += Bulk(i % 7 == 0 ? "in" + std::to_string(i) : value);
  }
  for (size_t at = 0; at < sent.size();) {
    const size_t n = 1 + random.Below(random.Below(20) == 0 ? 30'000 : 50);
    peer.Send(std::string_view(sent).substr(at, n));
    at += n;
  }
  EXPECT_EQ(peer.Receive(expected.size()), expected);
}

TEST_F(WorkerTest, KeepsNoBufferForAnIdleConnection) {
  Peer peer(worker_);
  peer.Send(Command(std::string(50'000, 'x')));
  peer.Receive(Bulk(std::string(50'000, 'x')).size());
  size_t held = 1;
  worker_.Post([&] {
    Connection* connection = factory_.last.load();
    held = connection->query_capacity() + connection->out().capacity();
  });
  Settle();
  EXPECT_EQ(held, 0u);
}

TEST_F(WorkerTest, HoldsASuspendedConnectionBackUntilResumed) {
  Peer peer(worker_);
  peer.Send(Command("wait") + Command("after"));
  EXPECT_EQ(peer.Receive(Bulk("wait").size()), Bulk("wait"));
  peer.Send(Command("later"));
  Settle();
  EXPECT_FALSE(peer.HasMore());
  worker_.Post([&] { factory_.last.load()->Resume(); });
  const std::string expected = Bulk("after") + Bulk("later");
  EXPECT_EQ(peer.Receive(expected.size()), expected);
}

TEST_F(WorkerTest, AnswersManyThatAskAtOnce) {
  const auto peers = SendAtOnce(100, "0");
  for (size_t i = 0; i < peers.size(); ++i) {
    const std::string expected = Bulk(std::to_string(i));
    EXPECT_EQ(peers[i]->Receive(expected.size()), expected);
  }
}

// What was read ahead from a connection that another one suspended is executed when it resumes.
TEST_F(WorkerTest, KeepsWhatItReadAheadForASuspendedConnection) {
  const auto peers = SendAtOnce(12, "hold");
  EXPECT_EQ(peers[0]->Receive(Bulk("hold").size()), Bulk("hold"));
  worker_.Post([&] { worker_.ForEachConnection([](Connection& each) { each.Resume(); }); });
  for (size_t i = 1; i < peers.size(); ++i) {
    const std::string expected = Bulk(std::to_string(i));
    EXPECT_EQ(peers[i]->Receive(expected.size()), expected);
  }
}

TEST_F(WorkerTest, ExecutesNothingOfAConnectionThatAnotherClosed) {
  const auto peers = SendAtOnce(12, "kick");
  EXPECT_EQ(peers[0]->Receive(Bulk("kick").size()), Bulk("kick"));
  size_t answered = 0;
  for (size_t i = 1; i < peers.size(); ++i) answered += peers[i]->Ended() ? 0 : 1;
  EXPECT_EQ(answered, 0u);
}

TEST_F(WorkerTest, ReadsNoMoreThanSomeWhileRepliesAreHeld) {
  Peer peer(worker_);
  std::string sent = Command("gate");
  std::string expected = Bulk("gate");
  for (int i = 0; i < 4000; ++i) {
    const std::string value = std::to_string(i) + std::string(1000, 'x');
    sent += Command(value);
    expected += Bulk(value);
  }
  std::thread sender([&] { peer.SendDeaf(sent); });
  const auto held = [&] {
    size_t bytes = 0;
    worker_.Post([&] {
      worker_.ForEachConnection([&](Connection& each) { bytes = each.out().pending(); });
    });
    Settle();
    return bytes;
  };
  // What a batch adds comes on top, and then nothing more, though there is more to read.
  constexpr size_t kLimit = 256 * 1024;
  while (held() <= kLimit) std::this_thread::yield();
  for (int i = 0; i < 100; ++i) EXPECT_LT(held(), kLimit + 200'000);
  EXPECT_FALSE(peer.HasMore());
  worker_.Post([&] { worker_.ForEachConnection([](Connection& each) { each.ReleaseOutput(); }); });
  sender.join();
  EXPECT_EQ(peer.Receive(expected.size()), expected);
}

TEST_F(WorkerTest, ClosesAfterTheReplyAndExecutesNothingMore) {
  Peer peer(worker_);
  peer.Send(Command("a") + Command("bye") + Command("b"));
  const std::string expected = Bulk("a") + Bulk("bye");
  EXPECT_EQ(peer.Receive(expected.size()), expected);
  EXPECT_TRUE(peer.Ended());
}

TEST_F(WorkerTest, AnswersAProtocolErrorAndCloses) {
  Peer peer(worker_);
  peer.Send(Command("a") + "*1\r\nx\r\n");
  const std::string expected = Bulk("a") + "-ERR Protocol error: expected '$', got 'x'\r\n";
  EXPECT_EQ(peer.Receive(expected.size()), expected);
  EXPECT_TRUE(peer.Ended());
}

TEST_F(WorkerTest, ASlowReaderDoesNotHoldUpOthers) {
  Peer slow(worker_);
  std::string sent;
  std::string expected;
  for (int i = 0; i < 200; ++i) {
    sent += Command(std::string(40'000, 'x'));
    expected += Bulk(std::string(40'000, 'x'));
  }
  // Sent whole without a byte read: the worker must take it all in and keep what it can't send.
  std::thread sender([&] { slow.SendDeaf(sent); });
  Peer quick(worker_);
  for (int i = 0; i < 100; ++i) {
    quick.Send(Command("quick"));
    ASSERT_EQ(quick.Receive(Bulk("quick").size()), Bulk("quick"));
  }
  sender.join();
  EXPECT_EQ(slow.Receive(expected.size()), expected);
}

TEST_F(WorkerTest, RunsTimersInOrderAndForgetsCancelledOnes) {
  std::mutex mu;
  std::condition_variable cv;
  std::vector<int> ran;
  worker_.Post([&] {
    const auto add = [&](int64_t ms, int number) {
      return worker_.AddTimer(ms, [&, number] {
        std::lock_guard lock(mu);
        ran.push_back(number);
        cv.notify_all();
      });
    };
    add(20, 2);
    add(1, 1);
    worker_.CancelTimer(add(5, 99));
    add(30, 3);
  });
  std::unique_lock lock(mu);
  cv.wait(lock, [&] { return ran.size() == 3; });
  EXPECT_THAT(ran, ::testing::ElementsAre(1, 2, 3));
}

TEST_F(WorkerTest, ForgetsAConnectionWhoseClientLeft) {
  auto peer = std::make_unique<Peer>(worker_);
  peer->Send(Command("a"));
  peer->Receive(Bulk("a").size());
  EXPECT_EQ(worker_.connections(), 1u);
  peer.reset();
  while (worker_.connections() != 0) Settle();
}

// What is posted while the request is on its way is done before it.
TEST_F(WorkerTest, LooksIntoItsMailboxBeforeItsSockets) {
  const auto peers = SendAtOnce(3, "0", [&] {
    worker_.Post([&] {
      worker_.ForEachConnection([](Connection& each) {
        each.FlushSoon();
        each.out().Append(Bulk("pushed"));
      });
    });
  });
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(peers[static_cast<size_t>(i)]->Receive(Bulk("pushed").size() + Bulk("0").size()),
              Bulk("pushed") + Bulk(std::to_string(i)));
  }
}

TEST_F(WorkerTest, DoesNotWaitWithWhatItPostsToItself) {
  constexpr int kHops = 50;  // Each would take a whole wait of 100 ms.
  std::promise<void> done;
  std::function<void(int)> hop = [&](int left) {
    if (left == 0) return done.set_value();
    worker_.AddTimer(0, [&, left] { worker_.Post([&hop, left] { hop(left - 1); }); });
  };
  const auto began = std::chrono::steady_clock::now();
  worker_.Post([&] { hop(kHops); });
  done.get_future().wait();
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(4));
}

// Two watches are ready in one round, and whichever comes first removes the other.
TEST_F(WorkerTest, UnwatchesWhatIsReadyInTheSameRound) {
  for (int round = 0; round < 20; ++round) {
    int pipes[2][2];
    for (auto& ends : pipes) {
      ASSERT_EQ(pipe2(ends, O_CLOEXEC), 0);
      ASSERT_EQ(write(ends[1], "x", 1), 1);
    }
    std::atomic<int> seen{0};
    std::promise<void> watched;
    worker_.Post([&] {
      for (const auto& ends : pipes) {
        worker_.WatchReadable(ends[0], [&] {
          seen.fetch_add(1);
          for (const auto& each : pipes) worker_.Unwatch(each[0]);
        });
      }
      watched.set_value();
    });
    watched.get_future().wait();
    while (seen.load() == 0) std::this_thread::yield();
    Settle();
    EXPECT_EQ(seen.load(), 1);
    for (auto& ends : pipes) {
      close(ends[0]);
      close(ends[1]);
    }
  }
}

}  // namespace
}  // namespace henge::net
