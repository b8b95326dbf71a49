// SPDX-License-Identifier: Apache-2.0
// ReplyBuffer: the bytes a connection has yet to send. Small replies are copied into one growing
// run; large values ride along as references to their Blob and are sent from where they lie.
//
//   run:    [ ......... ][ ....... ][ ... ]
//   blobs:              ^ at 128   ^ at 256      sent in between
//
// One thread at a time.
#pragma once

#include <sys/uio.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "base/blob.h"

namespace henge::proto {

class ReplyBuffer {
 public:
  ReplyBuffer() = default;
  ~ReplyBuffer() { std::free(data_); }
  ReplyBuffer(const ReplyBuffer&) = delete;
  ReplyBuffer& operator=(const ReplyBuffer&) = delete;
  ReplyBuffer(ReplyBuffer&& other) noexcept { Swap(other); }
  ReplyBuffer& operator=(ReplyBuffer&& other) noexcept {
    Swap(other);
    return *this;
  }
  void Swap(ReplyBuffer& other) noexcept;

  // A place for at least `n` bytes; Commit says how many were written.
  char* Reserve(size_t n) {
    if (size_ + n > capacity_) Grow(n);
    return data_ + size_;
  }
  void Commit(size_t n) { size_ += n; }
  void Append(std::string_view bytes) {
    if (bytes.empty()) return;  // Its data may be null.
    std::memcpy(Reserve(bytes.size()), bytes.data(), bytes.size());
    size_ += bytes.size();
  }
  void Attach(BlobRef blob);

  // Everything not yet sent.
  size_t pending() const { return size_ + blob_bytes_ - sent_; }
  bool empty() const { return pending() == 0; }
  size_t capacity() const { return capacity_; }

  // Fills up to `max` vectors with what to send next; returns how many.
  int Vectors(iovec* out, int max) const;
  // Marks `n` more bytes as sent; drops what is done with.
  void Sent(size_t n);
  void Clear();

  // For CLIENT REPLY OFF and failed transactions: forget what was written after a mark.
  struct Mark {
    size_t size;
    size_t blobs;
  };
  Mark GetMark() const { return {size_, blobs_.size()}; }
  void TruncateTo(Mark mark);
  // REQUIRES: no blob attached since the mark.
  std::string_view Since(Mark mark) const { return {data_ + mark.size, size_ - mark.size}; }

 private:
  struct Attached {
    size_t at;  // Offset in the run before which the blob is sent.
    BlobRef blob;
  };
  void Grow(size_t n);

  char* data_ = nullptr;
  size_t size_ = 0;
  size_t capacity_ = 0;
  size_t blob_bytes_ = 0;
  size_t sent_ = 0;  // Counted over run and blobs together.
  std::vector<Attached> blobs_;
};

}  // namespace henge::proto
