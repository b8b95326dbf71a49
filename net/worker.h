// SPDX-License-Identifier: Apache-2.0
// Worker: a thread with an epoll loop that owns connections. Whatever another thread wants of one
// of them is posted to the mailbox and done by the worker.
//
// One round: wait; run the mailbox; read, parse and execute every readable connection, in groups;
// run the mailbox again and the timers that are due; then send every connection's replies, one
// writev each. The mailbox goes first so that what was posted before a client sent its request is
// done before the request.
#pragma once

#include <sys/epoll.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "base/counter.h"
#include "base/types.h"
#include "net/connection.h"
#include "net/handler.h"

namespace henge::net {

struct WorkerStats {
  Counter bytes_read;
  Counter bytes_written;
  Counter reads;
  Counter writes;
  Counter rounds;
  Counter busy_ticks;     // Between one wait and the next (base/clock.h).
  Counter longest_ticks;  // The longest of these.
  Counter timer_ticks;    // In timers.
};

class Worker {
 public:
  using Task = std::function<void()>;
  using TimerId = std::pair<int64_t, uint64_t>;  // Due time in monotonic µs, serial.

  Worker(int index, HandlerFactory& factory);
  ~Worker();
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void Start();
  // Any thread. The loop ends after its current round; connections are closed by the destructor.
  void Stop();
  void Join();

  // Any thread: runs `task` on the worker, soon. What a command posts to its own worker is run in
  // the same round.
  void Post(Task task);
  // Any thread: hands over an accepted socket.
  void Adopt(int fd, std::string address, std::string local_address, bool unix_socket);
  size_t connections() const { return connection_count_.load(std::memory_order_relaxed); }
  const WorkerStats& stats() const { return stats_; }
  int index() const { return index_; }

  // --- The worker's thread only ---------------------------------------------------------------
  TimerId AddTimer(int64_t delay_ms, Task task);
  void CancelTimer(TimerId id) { timers_.erase(id); }
  // Watches a file descriptor for readability (listeners).
  void WatchReadable(int fd, Task task);
  void PauseWatch(int fd, int64_t delay_ms);  // Looks away for a while.
  void Unwatch(int fd);
  void Close(Connection& connection);  // At the end of the round; safe from its own handler.
  bool InThread() const { return current_ == this; }
  // From within a command that takes long: serves those connections that have something to say now,
  // except those whose commands are under way, and sends replies. Timers and the mailbox
  // rest. Does nothing from within itself.
  void ServeWithin();
  bool stopping() const { return stop_.load(std::memory_order_relaxed); }
  // The start of the present round, wall clock: one reading serves a round's commands.
  UnixMillis round_time() const { return round_time_; }
  template <class F>
  void ForEachConnection(F fn) {
    for (size_t i = 0; i < connections_.size(); ++i) fn(*connections_[i]);
  }

 private:
  friend class Connection;
  struct Watch {
    int fd;
    Task task;
  };
  // So many connections are read before the first one's commands are executed, each into a slice of
  // the scratch buffer.
  static constexpr int kGroup = 8;
  static constexpr size_t kSlice = 128 * 1024;
  static constexpr size_t kScratch = kGroup * kSlice;
  static constexpr int kMaxEvents = 512;

  void Run();
  void Serve(std::span<const epoll_event> group);
  void Serve(const epoll_event& event);
  void ClearWakeUp();
  void ReadAhead(std::span<const epoll_event> group);
  void SetWatchedFor(int fd, uint32_t events);
  void RunMailbox();
  void TakeArrivals();
  void Serve(Connection& connection, uint32_t events);
  void RunTimers();
  int TimeoutMs() const;
  void FlushAll();
  void CloseDoomed();
  void RunResumed();
  void UpdateInterest(Connection& connection);
  void QueueFlush(Connection& connection);
  void LendBuffer(Connection& connection);
  void TakeBack(Connection& connection);

  inline static thread_local const Worker* current_ = nullptr;  // This thread's.
  const int index_;
  HandlerFactory& factory_;
  int epoll_fd_ = -1;
  int event_fd_ = -1;
  std::thread thread_;
  std::atomic<bool> stop_{false};
  std::atomic<bool> wake_pending_{false};
  std::mutex mailbox_mu_;
  std::vector<Task> mailbox_;
  std::vector<std::unique_ptr<Connection>> arrivals_;  // Under mailbox_mu_, too.
  std::map<TimerId, Task> timers_;
  uint64_t timer_serial_ = 0;
  std::vector<std::unique_ptr<Watch>> watches_;
  std::vector<std::unique_ptr<Watch>> unwatched_;  // In this round, whose events may name them.
  std::vector<std::unique_ptr<Connection>> connections_;
  std::atomic<size_t> connection_count_{0};
  std::vector<Connection*> to_flush_;
  std::vector<Connection*> doomed_;
  std::vector<Connection*> resumed_;
  std::vector<proto::ReplyBuffer> spare_buffers_;
  // Mapped, not allocated: what no read ever reaches is no memory in use.
  struct Unmap {
    void operator()(char* scratch) const;
  };
  static std::unique_ptr<char, Unmap> MapScratch();
  std::unique_ptr<char, Unmap> scratch_;
  Batch batch_;
  // ServeWithin's own, for as long as it runs; they take the places of the two above.
  std::unique_ptr<char, Unmap> inner_scratch_;
  Batch inner_batch_;
  bool within_ = false;
  std::span<const epoll_event> group_;  // Being served: what was read of it is in scratch_.
  UnixMillis round_time_ = 0;
  WorkerStats stats_;
};

}  // namespace henge::net
