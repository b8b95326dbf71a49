// SPDX-License-Identifier: Apache-2.0
// Blob: a counted, contiguous run of bytes, for values too large to copy about. The socket reads
// into one, the store adopts it, replies send from it.
//
// The count is atomic: a reply may hold the last reference on another thread than the shard's.
// Whoever holds the only reference may write; `Unique` tells.
//
// A blob may cover a part of its memory only: the socket reads a whole command into one, of which
// the store keeps the value (ArgumentBlob, below).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
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
  // The same bytes with room for `capacity`. REQUIRES: Unique(), size() <= capacity.
  static Blob* Resize(Blob* blob, size_t capacity) {
    const size_t bytes = sizeof(Blob) + blob->offset_ + capacity;
    void* memory = std::realloc(static_cast<void*>(blob), bytes);
    if (memory == nullptr) std::abort();
    auto* resized = static_cast<Blob*>(memory);
    resized->capacity_ = capacity;
    return resized;
  }

  void Ref() { references_.fetch_add(1, std::memory_order_relaxed); }
  void Unref() {
    if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) std::free(this);
  }
  bool Unique() const { return references_.load(std::memory_order_acquire) == 1; }

  char* data() { return Memory() + offset_; }
  const char* data() const { return const_cast<Blob*>(this)->data(); }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void set_size(size_t size) { size_ = size; }  // REQUIRES: size <= capacity(), Unique().
  std::string_view view() const { return {data(), size_}; }

  // Makes the blob `part` of its memory, all of which stays allocated. REQUIRES: Unique().
  void Cover(std::string_view part) {
    const size_t end = offset_ + capacity_;
    offset_ = static_cast<uint32_t>(part.data() - Memory());
    size_ = part.size();
    capacity_ = end - offset_;
  }
  // Whether `part` lies in its memory and may be covered: fills nearly all of it.
  bool FilledBy(std::string_view part) {
    const size_t whole = offset_ + capacity_;
    const uintptr_t start = reinterpret_cast<uintptr_t>(Memory());
    const uintptr_t from = reinterpret_cast<uintptr_t>(part.data());
    return from >= start && from + part.size() <= start + whole &&
           part.size() >= whole - whole / 8 && from - start <= UINT32_MAX;
  }

 private:
  Blob(size_t size, size_t capacity) : references_(1), size_(size), capacity_(capacity) {}
  char* Memory() { return reinterpret_cast<char*>(this + 1); }

  std::atomic<uint32_t> references_;
  uint32_t offset_ = 0;  // Where in the memory the bytes start; capacity_ counts from there.
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

// Says, while it lives, in which blob the arguments of the commands lie that this thread executes:
// a large one is then kept instead of copied.
class ArgumentBlob {
 public:
  explicit ArgumentBlob(Blob* blob) { current_ = blob; }
  ~ArgumentBlob() { current_ = nullptr; }
  ArgumentBlob(const ArgumentBlob&) = delete;
  ArgumentBlob& operator=(const ArgumentBlob&) = delete;

  // A blob of these bytes: the arguments' own where `bytes` is nearly all of it, or a copy. The
  // bytes stay where they are as long as this object lives, and nobody writes to them.
  static BlobRef Keep(std::string_view bytes) {
    Blob* blob = current_;
    if (blob != nullptr && blob->FilledBy(bytes) && blob->Unique()) {
      blob->Cover(bytes);
      return BlobRef::Share(blob);
    }
    blob = Blob::New(bytes.size(), bytes.size());
    if (!bytes.empty()) std::memcpy(blob->data(), bytes.data(), bytes.size());
    return BlobRef::Adopt(blob);
  }

  // A reference to the arguments' blob if `bytes`, such as a whole command, are nearly all of it;
  // or none. They stay as they are while it is held, even if the blob has come to cover a value
  // among them: whoever would change that copies it first, since he is not alone.
  static BlobRef Share(std::string_view bytes) {
    return current_ != nullptr && current_->FilledBy(bytes) ? BlobRef::Share(current_) : BlobRef();
  }

 private:
  static inline thread_local Blob* current_ = nullptr;
};

}  // namespace henge
