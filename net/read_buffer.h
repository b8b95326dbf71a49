// SPDX-License-Identifier: Apache-2.0
// Bytes received and not yet executed: a run that is consumed at the front and grows at the back,
// without clearing what it reserves. It lies in a blob, which the store may come to share when one
// large value fills it (ArgumentBlob in base/blob.h); what is shared is not written to again, but
// behind the bytes received. One thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <string_view>

#include "base/blob.h"

namespace henge::net {

class ReadBuffer {
 public:
  ReadBuffer() = default;
  ~ReadBuffer() { Release(); }
  ReadBuffer(const ReadBuffer&) = delete;
  ReadBuffer& operator=(const ReadBuffer&) = delete;

  bool empty() const { return start_ == end_; }
  size_t size() const { return end_ - start_; }
  size_t capacity() const { return capacity_; }
  std::string_view view() const { return {data_ + start_, size()}; }
  Blob* blob() { return blob_; }  // Null while nothing is reserved.

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
    if (start_ != end_) return;
    start_ = end_ = 0;
    if (blob_ != nullptr && !blob_->Unique()) Release();
  }
  // Gives back what is beyond `capacity`. REQUIRES: size() <= capacity.
  void Shrink(size_t capacity) { MoveTo(Blob::New(0, capacity), capacity); }
  void Release() {
    if (blob_ != nullptr) blob_->Unref();
    blob_ = nullptr;
    data_ = nullptr;
    start_ = end_ = capacity_ = 0;
  }

 private:
  void MakeRoom(size_t n) {
    const size_t used = size();
    if (used + n > capacity_ || start_ < used || !blob_->Unique()) {
      return MoveTo(Blob::New(0, used + n), used + n);
    }
    std::memcpy(data_, data_ + start_, used);
    start_ = 0;
    end_ = used;
  }
  void MoveTo(Blob* blob, size_t capacity) {
    const size_t used = size();
    if (used > 0) std::memcpy(blob->data(), data_ + start_, used);
    Release();
    blob_ = blob;
    data_ = blob->data();
    end_ = used;
    capacity_ = capacity;
  }

  Blob* blob_ = nullptr;
  char* data_ = nullptr;  // The blob's at first: what it covers may change when it is shared.
  size_t start_ = 0;
  size_t end_ = 0;
  size_t capacity_ = 0;
};

}  // namespace henge::net
