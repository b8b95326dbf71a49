// SPDX-License-Identifier: Apache-2.0
// Connection: one client's socket. Reads into its worker's scratch buffer, so that an idle or
// well-behaved connection owns no buffer; only the start of an incomplete command is kept.
//
//   readable -> read once -> parse all -> handler executes -> replies gathered -> one writev
//
// Lives on one worker; nothing here is thread-safe.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/types.h"
#include "net/handler.h"
#include "net/read_buffer.h"
#include "proto/reply_buffer.h"
#include "proto/resp_parser.h"

namespace henge::net {

class Worker;

class Connection {
 public:
  Connection(Worker& worker, int fd, std::string address, std::string local_address,
             bool unix_socket);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Worker& worker() { return worker_; }
  int fd() const { return fd_; }
  const std::string& address() const { return address_; }
  const std::string& local_address() const { return local_address_; }
  bool unix_socket() const { return unix_socket_; }
  ConnectionHandler& handler() { return *handler_; }

  // Where replies go; taken from the worker's spare ones when needed.
  proto::ReplyBuffer& out() { return out_; }
  // Bytes received and not executed, and the room beyond them.
  size_t query_bytes() const { return kept_.size(); }
  size_t query_capacity() const { return kept_.capacity(); }
  // When bytes last came or went, wall clock; 0 before the first.
  UnixMillis last_active() const { return last_active_; }

  // No further command is read or executed until Resume.
  void Suspend() { suspended_ = true; }
  void Resume();
  bool suspended() const { return suspended_; }
  // Sends what is pending, then closes; nothing more is executed.
  void CloseAfterFlush() { closing_ = true; }
  bool closing() const { return closing_; }
  // What is in out() and what is added stays there until it is released. With much of it there,
  // nothing more is read or executed until then.
  void HoldOutput() { held_ = true; }
  void ReleaseOutput();
  // Something was written to out() outside Execute: have it sent in this round.
  void FlushSoon();

 private:
  friend class Worker;
  // Reads into `to` what OnReadable will execute, and has the handler foresee it.
  void ReadAhead(char* to, size_t room);
  // These return false when the connection is to be closed now.
  bool OnReadable();
  bool ProcessScratch(std::string_view bytes);
  bool ProcessKept();
  bool Flush();
  bool Send();
  bool SendOnTheWay();  // In the middle of a pipeline with much to send already.
  void Keep(std::string_view bytes);
  // Parses and executes from `bytes` until it must stop; returns how many bytes are done with.
  size_t Process(std::string_view bytes);
  void Parse(std::string_view bytes, Batch& batch, size_t& parsed, bool& refused);
  ssize_t Receive(char* to, size_t room);
  bool resumable() const { return !suspended_ && !closing_ && !choked_; }
  void ResumeSoon();

  Worker& worker_;
  const int fd_;
  const bool unix_socket_;
  bool suspended_ = false;
  bool closing_ = false;
  bool held_ = false;
  bool choked_ = false;       // Held, with too much in out_ to go on.
  bool wants_write_ = false;  // The socket was full.
  bool flush_queued_ = false;
  bool resume_queued_ = false;
  bool doomed_ = false;
  bool executing_ = false;
  UnixMillis last_active_ = 0;
  uint32_t interest_ = 0;  // Epoll events registered.
  std::string address_;
  std::string local_address_;
  proto::RespParser parser_;
  proto::ReplyBuffer out_;
  ReadBuffer kept_;         // Received and not yet executed.
  std::string_view ahead_;  // Received in this round, in the worker's scratch buffer.
  std::unique_ptr<ConnectionHandler> handler_;
  size_t index_ = 0;  // In the worker's list.
};

}  // namespace henge::net
