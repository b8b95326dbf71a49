// SPDX-License-Identifier: Apache-2.0
#include "proto/reply_buffer.h"

#include <algorithm>
#include <cstdlib>

namespace henge::proto {
namespace {

constexpr size_t kFirstCapacity = 1024;

}  // namespace

void ReplyBuffer::Swap(ReplyBuffer& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(capacity_, other.capacity_);
  std::swap(blob_bytes_, other.blob_bytes_);
  std::swap(sent_, other.sent_);
  blobs_.swap(other.blobs_);
}

void ReplyBuffer::Grow(size_t n) {
  const size_t capacity = std::max({kFirstCapacity, size_ + n, capacity_ * 2});
  char* grown = static_cast<char*>(std::realloc(data_, capacity));
  if (grown == nullptr) std::abort();
  data_ = grown;
  capacity_ = capacity;
}

void ReplyBuffer::Attach(BlobRef blob) {
  if (blob->size() == 0) return;
  blob_bytes_ += blob->size();
  blobs_.push_back({size_, std::move(blob)});
}

int ReplyBuffer::Vectors(iovec* out, int max) const {
  int n = 0;
  size_t skip = sent_;
  const auto add = [&](const char* data, size_t size) {
    if (skip >= size) {
      skip -= size;
      return;
    }
    if (n < max) out[n++] = {const_cast<char*>(data) + skip, size - skip};
    skip = 0;
  };
  size_t at = 0;
  for (const Attached& attached : blobs_) {
    add(data_ + at, attached.at - at);
    add(attached.blob->data(), attached.blob->size());
    at = attached.at;
    if (n == max) return n;
  }
  add(data_ + at, size_ - at);
  return n;
}

void ReplyBuffer::Sent(size_t n) {
  sent_ += n;
  if (sent_ == size_ + blob_bytes_) Clear();
}

void ReplyBuffer::Clear() {
  size_ = 0;
  blob_bytes_ = 0;
  sent_ = 0;
  blobs_.clear();
}

void ReplyBuffer::TruncateTo(Mark mark) {
  while (blobs_.size() > mark.blobs) {
    blob_bytes_ -= blobs_.back().blob->size();
    blobs_.pop_back();
  }
  size_ = mark.size;
}

}  // namespace henge::proto
