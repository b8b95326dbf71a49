// SPDX-License-Identifier: Apache-2.0
// Blob: a counted, contiguous run of bytes, for values too large to copy about. The socket reads
// into one, the store adopts it, replies send from it.
//
// The count is atomic: a reply may hold the last reference on another thread than the shard's.
// Whoever holds the only reference may write; `Unique` tells.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string_view>
#include <utility>

namespace henge {

class Blob {
 public:
  // A blob of `size` bytes, uninitialized, with room for at least `capacity`; one reference.
  static Blob* New(size_t size, size_t capacity) {
    if (capacity < size) capacity = size;
    void* memory = std::malloc(sizeof(Blob) + capacity);
    if (memory == nullptr) std::abort();
    return new (memory) Blob(size, capacity);
  }

  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(this);
  }
  bool Unique() const { return references_.load(std::memory_order_acquire) == 1; }

  char* data() { return reinterpret_cast<char*>(this + 1); }
  const char* data() const { return reinterpret_cast<const char*>(this + 1); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void set_size(size_t size) { size_ = size; }  // REQUIRES: size <= capacity(), Unique().
  std::string_view view() const { return {data(), size_}; }

 private:
  Blob(size_t size, size_t capacity) : references_(1), size_(size), capacity_(capacity) {}
  std::atomic<size_t> references_;
  size_t size_;
  size_t capacity_;
};

// One reference to a Blob, or none.
class BlobRef {
 public:
  BlobRef() = default;
  static BlobRef Adopt(Blob* blob) { return BlobRef(blob); }  // Takes over the caller's reference.
  static BlobRef Share(Blob* blob) {
    if (blob != nullptr) blob->Ref();
    return BlobRef(blob);
  }
  BlobRef(const BlobRef& other) : blob_(other.blob_) {
    if (blob_ != nullptr) blob_->Ref();
  }
  BlobRef(BlobRef&& other) noexcept : blob_(std::exchange(other.blob_, nullptr)) {}
  BlobRef& operator=(BlobRef other) noexcept {
    std::swap(blob_, other.blob_);
    return *this;
  }
  ~BlobRef() {
    if (blob_ != nullptr) blob_->Unref();
  }
  Blob* get() const { return blob_; }
  Blob* operator->() const { return blob_; }
  explicit operator bool() const { return blob_ != nullptr; }
  Blob* Release() { return std::exchange(blob_, nullptr); }

 private:
  explicit BlobRef(Blob* blob) : blob_(blob) {}
  Blob* blob_ = nullptr;
};

}  // namespace henge
