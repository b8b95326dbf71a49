// SPDX-License-Identifier: Apache-2.0
#include "net/connection.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "net/worker.h"

namespace henge::net {
namespace {

constexpr size_t kBatch = 128;               // Commands parsed ahead before they are executed.
constexpr size_t kReadAhead = 16 * 1024;     // Least room for a read behind an incomplete command.
constexpr size_t kKeepCapacity = 32 * 1024;  // A larger kept buffer is released when it empties.
constexpr size_t kSendFrom = 1024 * 1024;    // Replies of this size don't wait for the round's end.
constexpr int kMaxVectors = 64;
constexpr size_t kMostHeld = 256 * 1024;  // Replies held back, and more is not executed.

}  // namespace

Connection::Connection(Worker& worker, int fd, std::string address, std::string local_address,
                       bool unix_socket)
    : worker_(worker),
      fd_(fd),
      unix_socket_(unix_socket),
      address_(std::move(address)),
      local_address_(std::move(local_address)) {}

Connection::~Connection() {
  handler_.reset();  // May still look at this connection.
  close(fd_);
}

void Connection::Resume() {
  suspended_ = false;
  ResumeSoon();
}

void Connection::ReleaseOutput() {
  held_ = false;
  if (std::exchange(choked_, false)) ResumeSoon();
  FlushSoon();
}

void Connection::ResumeSoon() {
  if (resume_queued_) return;
  resume_queued_ = true;
  worker_.resumed_.push_back(this);
}

void Connection::FlushSoon() { worker_.QueueFlush(*this); }

ssize_t Connection::Receive(char* to, size_t room) {
  const ssize_t n = recv(fd_, to, room, 0);
  worker_.stats_.reads.Add();
  if (n <= 0) return n;
  worker_.stats_.bytes_read.Add(static_cast<uint64_t>(n));
  last_active_ = worker_.round_time_;
  return n;
}

void Connection::ReadAhead(char* to, size_t room) {
  if (!resumable() || doomed_ || !kept_.empty()) return;
  const ssize_t n = Receive(to, room);
  if (n <= 0) return;  // OnReadable meets it again.
  ahead_ = {to, static_cast<size_t>(n)};
  handler_->Foresee(ahead_);
}

bool Connection::OnReadable() {
  const std::string_view ahead = std::exchange(ahead_, {});
  if (!resumable()) {
    if (!ahead.empty() && !closing_) Keep(ahead);
    return !doomed_;
  }
  if (!ahead.empty()) return ProcessScratch(ahead);
  ssize_t n;
  if (kept_.empty()) {
    n = Receive(worker_.scratch_.get(), Worker::kSlice);
  } else {
    // A large value is read to its end and no further, so that it is never moved.
    const size_t needed = parser_.needed() > kept_.size() ? parser_.needed() - kept_.size() : 0;
    const bool large = needed > 0 && parser_.needed() > kKeepCapacity;
    char* to = kept_.Reserve(large ? needed : std::max(kReadAhead, needed));
    n = Receive(to, kept_.room());
  }
  if (n == 0) return false;
  if (n < 0) return errno == EAGAIN || errno == EINTR;
  if (!kept_.empty()) {
    kept_.Commit(static_cast<size_t>(n));
    return ProcessKept();
  }
  return ProcessScratch({worker_.scratch_.get(), static_cast<size_t>(n)});
}

bool Connection::ProcessScratch(std::string_view bytes) {
  const size_t done = Process(bytes);
  if (done < bytes.size() && !closing_) Keep(bytes.substr(done));
  return handler_->AfterWork();
}

// The start of a large value goes where the rest of it will be read to.
void Connection::Keep(std::string_view bytes) {
  kept_.Reserve(std::max(parser_.needed(), bytes.size()));
  kept_.Append(bytes);
}

bool Connection::ProcessKept() {
  {
    const ArgumentBlob arguments(kept_.blob());
    kept_.Consume(Process(kept_.view()));
  }
  if (kept_.empty()) {
    if (kept_.capacity() > kKeepCapacity || resumable()) kept_.Release();
  } else if (kept_.capacity() > kKeepCapacity) {
    // The start of the next command is not worth the memory of a large one before it.
    const size_t needed = std::max(kept_.size(), parser_.needed());
    if (needed < kept_.capacity() / 4) kept_.Shrink(needed);
  }
  return handler_->AfterWork();
}

void Connection::Parse(std::string_view bytes, Batch& batch, size_t& parsed, bool& refused) {
  const proto::ParserLimits limits = handler_->Limits();
  const size_t most = limits.authenticated ? kBatch : 1;
  while (parsed < bytes.size() && batch.size() < most) {
    const auto first = static_cast<uint32_t>(batch.args_.size());
    switch (parser_.Next(bytes.substr(parsed), limits, batch.args_)) {
      case proto::RespParser::Result::kNeedMore:
        return;
      case proto::RespParser::Result::kEmpty:
        parsed += parser_.consumed();
        break;
      case proto::RespParser::Result::kError:
        refused = true;
        return;
      case proto::RespParser::Result::kCommand:
        batch.commands_.push_back(
            {first, static_cast<uint32_t>(batch.args_.size()) - first, parsed + parser_.consumed(),
             parser_.was_canonical() ? bytes.substr(parsed, parser_.consumed())
                                     : std::string_view()});
        parsed += parser_.consumed();
        if (parser_.was_inline()) return;  // Its arguments live only until the next is parsed.
        break;
    }
  }
}

size_t Connection::Process(std::string_view bytes) {
  Batch& batch = worker_.batch_;
  size_t done = 0;
  worker_.QueueFlush(*this);
  while (resumable() && done < bytes.size()) {
    batch.Clear();
    size_t parsed = done;
    bool refused = false;
    Parse(bytes, batch, parsed, refused);
    if (batch.size() > 0) {
      executing_ = true;
      const size_t taken = handler_->Execute(batch);
      executing_ = false;
      parser_.ForgetInline();
      if (taken < batch.size()) {  // What was parsed beyond is parsed again on resumption.
        parser_.Reset();
        return taken == 0 ? done : batch.end(taken - 1);
      }
      // A long pipeline's replies go out on the way instead of piling up.
      if (out_.pending() >= kSendFrom && !doomed_ && !SendOnTheWay()) worker_.Close(*this);
      choked_ = held_ && out_.pending() > kMostHeld;
      if (!resumable()) {
        parser_.Reset();
        return parsed;
      }
    }
    if (refused) {
      handler_->OnProtocolError(parser_.error());
      return bytes.size();
    }
    if (parsed == done) return done;
    done = parsed;
  }
  return done;
}

// Sends until all is sent or the socket is full, which wants_write_ tells. False: it is broken.
bool Connection::Send() {
  if (!out_.empty() && !handler_->MaySend()) return false;
  while (!out_.empty()) {
    iovec vectors[kMaxVectors];
    const int count = out_.Vectors(vectors, kMaxVectors);
    const ssize_t n = count == 1 ? send(fd_, vectors[0].iov_base, vectors[0].iov_len, MSG_NOSIGNAL)
                                 : writev(fd_, vectors, count);
    worker_.stats_.writes.Add();
    if (n < 0) {
      if (errno == EINTR) continue;
      wants_write_ = errno == EAGAIN;
      out_.Seal();
      return wants_write_;
    }
    worker_.stats_.bytes_written.Add(static_cast<uint64_t>(n));
    last_active_ = worker_.round_time_;
    out_.Sent(static_cast<size_t>(n));
  }
  wants_write_ = false;
  return true;
}

bool Connection::SendOnTheWay() {
  if (!wants_write_ && !held_) return Send();
  out_.Seal();
  return true;
}

bool Connection::Flush() {
  flush_queued_ = false;
  if (held_) return true;
  const bool was_full = wants_write_;
  if (!Send()) return false;
  handler_->AfterFlush();
  if (!wants_write_) worker_.TakeBack(*this);
  // What a slow reader leaves unsent counts against its limits, whoever wrote it.
  if ((was_full || wants_write_) && !handler_->AfterWork()) return false;
  return wants_write_ || !closing_;
}

}  // namespace henge::net
