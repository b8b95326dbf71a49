// SPDX-License-Identifier: Apache-2.0
// TargetLink: a connection to another server, used by one thread that may wait, unlike a worker.
//
// Each step waits for at most its timeout without progress. Statuses: kDeadlineExceeded where time
// was up, kNotFound for a host that has no address, kUnavailable for all else. A link that failed
// is closed.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace henge::server {

class TargetLink {
 public:
  // Whoever makes `stop_fd` readable ends every wait.
  explicit TargetLink(int stop_fd) : stop_fd_(stop_fd) {}
  ~TargetLink() { Close(); }
  TargetLink(const TargetLink&) = delete;
  TargetLink& operator=(const TargetLink&) = delete;

  bool open() const { return fd_ >= 0; }
  absl::Status Open(const std::string& host, const std::string& port, int64_t timeout_ms);
  void Close();

  absl::Status Write(std::string_view bytes, int64_t timeout_ms);
  // A line without its end, cut off at kMaxLine bytes.
  absl::StatusOr<std::string> ReadLine(int64_t timeout_ms);

  static constexpr size_t kMaxLine = 1024;

  // The database that the other end has selected; -1: not known.
  int64_t db = -1;

 private:
  absl::Status Await(int16_t events, int64_t timeout_ms);
  absl::Status Connect(const void* address, unsigned length, int family, int64_t timeout_ms);

  const int stop_fd_;
  int fd_ = -1;
  std::string read_;  // Beyond the last line.
};

}  // namespace henge::server
