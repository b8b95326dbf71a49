// SPDX-License-Identifier: Apache-2.0
// Bytes received and not yet executed: a run that is consumed at the front and grows at the back,
// without clearing what it reserves. One thread.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace henge::net {

class ReadBuffer {
 public:
  ReadBuffer() = default;
  ~ReadBuffer() { std::free(data_); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  bool empty() const { return start_ == end_; }
  size_t size() const { return end_ - start_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_ + start_, size()}; }

  // Room for at least `n` more bytes; returns where to write them. Moves the bytes at most.
  char* Reserve(size_t n) {
    if (end_ + n > capacity_) MakeRoom(n);
    return data_ + end_;
  }
  size_t room() const { return capacity_ - end_; }
  void Commit(size_t n) { end_ += n; }
  void Append(std::string_view bytes) {
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    end_ += bytes.size();
  }
  void Consume(size_t n) {
    start_ += n;
    if (start_ == end_) start_ = end_ = 0;
  }
  void Release() {
    std::free(data_);
    data_ = nullptr;
    start_ = end_ = capacity_ = 0;
  }

 private:
  void MakeRoom(size_t n) {
    const size_t used = size();
    if (used + n <= capacity_ && start_ >= used) {
      std::memcpy(data_, data_ + start_, used);
    } else {
      const size_t capacity = used + n;
      char* grown = static_cast<char*>(std::malloc(capacity));
      if (grown == nullptr) std::abort();
      if (used > 0) std::memcpy(grown, data_ + start_, used);
      std::free(data_);
      data_ = grown;
      capacity_ = capacity;
    }
    start_ = 0;
    end_ = used;
  }

  char* data_ = nullptr;
  size_t start_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace henge::net
