// SPDX-License-Identifier: Apache-2.0
// Files of the working folder that nobody needs after a sync.
#pragma once

#include <absl/status/status.h>
#include <absl/status/statusor.h>

#include <string>
#include <string_view>

namespace henge::server {

absl::Status WriteAll(int fd, std::string_view bytes);

// To read and write; without a name, so it ends with the descriptor or the process.
absl::StatusOr<int> OpenUnnamedFile(std::string_view stem);

// Has a name, as who loads it wants one; removed by the destructor.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view stem);
  ~TemporaryFile() { Remove(); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  absl::Status Open();
  absl::Status Append(std::string_view bytes) { return WriteAll(fd_, bytes); }
  void Remove();
  const std::string& path() const { return path_; }

 private:
  const std::string path_;
  int fd_ = -1;
};

}  // namespace henge::server
