// SPDX-License-Identifier: Apache-2.0
#include "net/worker.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "base/background.h"
#include "base/clock.h"
#include "base/memory.h"

namespace henge::net {
namespace {

constexpr int kMaxWaitMs = 100;
constexpr size_t kSpareBuffers = 32;
constexpr size_t kSpareCapacity = 256 * 1024;  // Larger reply buffers go back to the allocator.

// What epoll hands back: a connection, or (low bit set) a watch; null is a wake-up for the mailbox,
// which is looked at in every round.
void* TagWatch(void* watch) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(watch) | 1);
}
bool IsWatch(const epoll_event& event) {
  return (reinterpret_cast<uintptr_t>(event.data.ptr) & 1) != 0;
}
void* WatchTag(const epoll_event& event) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(event.data.ptr) & ~uintptr_t{1});
}
Connection* ConnectionOf(const epoll_event& event) {
  return IsWatch(event) ? nullptr : static_cast<Connection*>(event.data.ptr);
}

}  // namespace

void Worker::Unmap::operator()(char* scratch) const { munmap(scratch, kScratch); }

std::unique_ptr<char, Worker::Unmap> Worker::MapScratch() {
  void* scratch =
      mmap(nullptr, kScratch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (scratch == MAP_FAILED) std::abort();
  return std::unique_ptr<char, Unmap>(static_cast<char*>(scratch));
}

Worker::Worker(int index, HandlerFactory& factory)
    : index_(index), factory_(factory), scratch_(MapScratch()) {
  epoll_fd_ = epoll_create1(EPOLL_CLOEXEC);
  event_fd_ = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (epoll_fd_ < 0 || event_fd_ < 0) std::abort();
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = nullptr;
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, event_fd_, &event) != 0) std::abort();
}

Worker::~Worker() {
  Stop();
  Join();
  connections_.clear();
  close(event_fd_);
  close(epoll_fd_);
}

void Worker::Start() {
  thread_ = std::thread([this] {
    const std::string name = "worker-" + std::to_string(index_);
    pthread_setname_np(pthread_self(), name.c_str());
    const ThreadMemory memory;
    AnswerPromptly();
    Run();
  });
}

void Worker::Stop() {
  stop_.store(true, std::memory_order_release);
  Post([] {});
}

void Worker::Join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::Post(Task task) {
  {
    std::lock_guard lock(mailbox_mu_);
    mailbox_.push_back(std::move(task));
  }
  if (wake_pending_.exchange(true, std::memory_order_acq_rel)) return;
  if (InThread()) return;  // It doesn't wait before it has looked.
  const uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = write(event_fd_, &one, sizeof(one));
}

void Worker::Adopt(int fd, std::string address, std::string local_address, bool unix_socket) {
  connection_count_.fetch_add(1, std::memory_order_relaxed);  // At once, so that load is seen.
  {
    const std::lock_guard lock(mailbox_mu_);
    arrivals_.push_back(std::make_unique<Connection>(*this, fd, std::move(address),
                                                     std::move(local_address), unix_socket));
  }
  Post([] {});
}

void Worker::TakeArrivals() {
  std::vector<std::unique_ptr<Connection>> arrivals;
  {
    const std::lock_guard lock(mailbox_mu_);
    arrivals.swap(arrivals_);
  }
  for (std::unique_ptr<Connection>& connection : arrivals) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection.get();
    if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, connection->fd_, &event) != 0) {
      connection_count_.fetch_sub(1, std::memory_order_relaxed);  // The kernel has no room for it.
      continue;
    }
    connection->index_ = connections_.size();
    connection->handler_ = factory_.Open(*connection);
    connection->interest_ = EPOLLIN;
    connections_.push_back(std::move(connection));
  }
}

Worker::TimerId Worker::AddTimer(int64_t delay_ms, Task task) {
  const TimerId id{SystemClock().MonotonicMicros() + delay_ms * 1000, ++timer_serial_};
  timers_.emplace(id, std::move(task));
  return id;
}

void Worker::WatchReadable(int fd, Task task) {
  auto watch = std::make_unique<Watch>(Watch{fd, std::move(task)});
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.ptr = TagWatch(watch.get());
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &event) != 0) std::abort();
  watches_.push_back(std::move(watch));
}

void Worker::PauseWatch(int fd, int64_t delay_ms) {
  SetWatchedFor(fd, 0);
  AddTimer(delay_ms, [this, fd] { SetWatchedFor(fd, EPOLLIN); });
}

// Nothing happens when the descriptor is not watched any more.
void Worker::SetWatchedFor(int fd, uint32_t events) {
  for (const auto& watch : watches_) {
    if (watch->fd != fd) continue;
    epoll_event event{};
    event.events = events;
    event.data.ptr = TagWatch(watch.get());
    epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, fd, &event);
  }
}

void Worker::Unwatch(int fd) {
  epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, fd, nullptr);
  std::erase_if(watches_, [this, fd](auto& watch) {
    if (watch->fd != fd) return false;
    watch->fd = -1;
    unwatched_.push_back(std::move(watch));
    return true;
  });
}

void Worker::Close(Connection& connection) {
  if (connection.doomed_) return;
  connection.doomed_ = true;
  connection.suspended_ = true;
  doomed_.push_back(&connection);
}

void Worker::QueueFlush(Connection& connection) {
  // What a handler still says while it goes is for nobody, and the queue may outlive it.
  if (connection.flush_queued_ || connection.doomed_) return;
  connection.flush_queued_ = true;
  if (!connection.out_.allocated()) LendBuffer(connection);
  to_flush_.push_back(&connection);
}

void Worker::LendBuffer(Connection& connection) {
  if (spare_buffers_.empty()) return;
  connection.out_.Swap(spare_buffers_.back());
  spare_buffers_.pop_back();
}

void Worker::TakeBack(Connection& connection) {
  proto::ReplyBuffer& out = connection.out_;
  if (!out.allocated()) return;
  if (spare_buffers_.size() < kSpareBuffers && out.capacity() <= kSpareCapacity) {
    spare_buffers_.emplace_back();
    spare_buffers_.back().Swap(out);
  } else {
    out = proto::ReplyBuffer();
  }
}

void Worker::UpdateInterest(Connection& connection) {
  uint32_t wanted = 0;
  if (connection.resumable()) wanted |= EPOLLIN;
  // A client that waits and goes away is not waited for.
  if (connection.suspended_ && !connection.closing_) wanted |= EPOLLRDHUP;
  if (connection.wants_write_) wanted |= EPOLLOUT;
  if (wanted == connection.interest_) return;
  connection.interest_ = wanted;
  epoll_event event{};
  event.events = wanted;
  event.data.ptr = &connection;
  epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, connection.fd_, &event);
}

int Worker::TimeoutMs() const {
  if (!resumed_.empty() || wake_pending_.load(std::memory_order_relaxed)) return 0;
  if (timers_.empty()) return kMaxWaitMs;
  const int64_t wait_us = timers_.begin()->first.first - SystemClock().MonotonicMicros();
  return static_cast<int>(std::clamp<int64_t>((wait_us + 999) / 1000, 0, kMaxWaitMs));
}

void Worker::Run() {
  current_ = this;
  while (!stop_.load(std::memory_order_acquire)) {
    epoll_event events[kMaxEvents];
    const int n = epoll_wait(epoll_fd_, events, kMaxEvents, TimeoutMs());
    const uint64_t began = Ticks();
    round_time_ = SystemClock().NowMillis();
    stats_.rounds.Add();
    RunMailbox();
    for (int i = 0; i < n; i += kGroup) {
      Serve(std::span(events + i, static_cast<size_t>(std::min(kGroup, n - i))));
    }
    RunMailbox();
    RunTimers();
    RunResumed();
    FlushAll();
    CloseDoomed();
    unwatched_.clear();
    const uint64_t busy = Ticks() - began;
    stats_.busy_ticks.Add(busy);
    if (busy > stats_.longest_ticks.get()) stats_.longest_ticks.Set(busy);
  }
  RunMailbox();
  FlushAll();
  CloseDoomed();
}

// A request that comes alone can't have its key fetched while others are parsed; but it is seldom
// the only one of its round.
void Worker::ReadAhead(std::span<const epoll_event> group) {
  char* slice = scratch_.get();
  for (const epoll_event& event : group) {
    Connection* connection = ConnectionOf(event);
    if (connection != nullptr && (event.events & EPOLLIN) != 0) {
      connection->ReadAhead(slice, kSlice);
    }
    slice += kSlice;
  }
  for (const epoll_event& event : group) {
    Connection* connection = ConnectionOf(event);
    if (connection != nullptr && !connection->ahead_.empty()) connection->handler_->ForeseeMore();
  }
}

void Worker::Serve(std::span<const epoll_event> group) {
  if (group.size() > 1) ReadAhead(group);
  group_ = group;
  for (const epoll_event& event : group) {
    Serve(event);
  }
  group_ = {};
}

void Worker::Serve(const epoll_event& event) {
  if (Connection* connection = ConnectionOf(event)) return Serve(*connection, event.events);
  if (!IsWatch(event)) return ClearWakeUp();
  auto* watch = static_cast<Watch*>(WatchTag(event));
  if (watch->fd >= 0) watch->task();  // Still watched.
}

void Worker::ClearWakeUp() {
  uint64_t drained;
  [[maybe_unused]] const ssize_t n = read(event_fd_, &drained, sizeof(drained));
}

void Worker::Serve(Connection& connection, uint32_t events) {
  if (connection.doomed_) return;
  if ((events & EPOLLOUT) != 0) QueueFlush(connection);
  const bool hung_up = (events & (EPOLLHUP | EPOLLERR | EPOLLRDHUP)) != 0;
  if ((events & EPOLLIN) == 0 && !hung_up) return;
  if ((hung_up && !connection.resumable()) || !connection.OnReadable()) Close(connection);
}

// What the present round has read lies in scratch_ and batch_, and is not done with.
void Worker::ServeWithin() {
  if (within_) return;
  within_ = true;
  if (inner_scratch_ == nullptr) inner_scratch_ = MapScratch();
  scratch_.swap(inner_scratch_);
  std::swap(batch_, inner_batch_);
  // Those of the round whose replies may yet be taken back.
  std::vector<Connection*> later;
  std::erase_if(to_flush_, [&](Connection* connection) {
    if (connection->executing_) later.push_back(connection);
    return connection->executing_;
  });
  for (const epoll_event& event : group_) {
    Connection* connection = ConnectionOf(event);
    const bool read = connection != nullptr && !connection->ahead_.empty();
    if (read && !connection->executing_) Serve(*connection, event.events);
  }
  epoll_event events[kMaxEvents];
  const int n = epoll_wait(epoll_fd_, events, kMaxEvents, 0);
  for (int i = 0; i < n; ++i) {
    const Connection* connection = ConnectionOf(events[i]);
    if (connection == nullptr || !connection->executing_) Serve(events[i]);
  }
  TakeArrivals();
  FlushAll();
  to_flush_.swap(later);
  std::swap(batch_, inner_batch_);
  scratch_.swap(inner_scratch_);
  within_ = false;
}

void Worker::RunMailbox() {
  if (!wake_pending_.load(std::memory_order_acquire)) return;
  wake_pending_.store(false, std::memory_order_release);
  std::vector<Task> tasks;
  {
    std::lock_guard lock(mailbox_mu_);
    tasks.swap(mailbox_);
  }
  TakeArrivals();
  for (Task& task : tasks) task();
}

void Worker::RunTimers() {
  if (timers_.empty()) return;
  const int64_t now = SystemClock().MonotonicMicros();
  if (timers_.begin()->first.first > now) return;
  const uint64_t began = Ticks();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    Task task = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    task();
  }
  stats_.timer_ticks.Add(Ticks() - began);
}

void Worker::RunResumed() {
  std::vector<Connection*> resumed;
  resumed.swap(resumed_);
  for (Connection* connection : resumed) {
    connection->resume_queued_ = false;
    if (connection->doomed_) continue;
    QueueFlush(*connection);
    if (!connection->kept_.empty() && connection->resumable() && !connection->ProcessKept()) {
      Close(*connection);
    }
  }
}

void Worker::FlushAll() {
  // Flushing may queue no further work, but closing handlers may write to others.
  for (size_t i = 0; i < to_flush_.size(); ++i) {
    Connection& connection = *to_flush_[i];
    if (connection.doomed_) {
      connection.flush_queued_ = false;
      continue;
    }
    if (!connection.Flush()) {
      Close(connection);
    } else {
      UpdateInterest(connection);
    }
  }
  to_flush_.clear();
}

void Worker::CloseDoomed() {
  if (doomed_.empty()) return;
  std::vector<Connection*> doomed;
  doomed.swap(doomed_);
  for (Connection* connection : doomed) {
    std::erase(resumed_, connection);
    std::erase(to_flush_, connection);
    // Its socket may live on in other hands, and would be heard of.
    epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, connection->fd_, nullptr);
    const size_t at = connection->index_;
    std::unique_ptr<Connection> dying = std::move(connections_[at]);
    if (at + 1 != connections_.size()) {
      connections_[at] = std::move(connections_.back());
      connections_[at]->index_ = at;
    }
    connections_.pop_back();
    connection_count_.fetch_sub(1, std::memory_order_relaxed);
  }
}

}  // namespace henge::net
