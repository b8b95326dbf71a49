// SPDX-License-Identifier: Apache-2.0
// MemoryAccount: bytes that a part of a stream has allocated, and, through its parent, the whole.
// A part that is taken out of its stream settles first; it may then be freed by another thread.
#pragma once

#include <cstddef>

namespace henge::store {

class MemoryAccount {
 public:
  explicit MemoryAccount(MemoryAccount* parent = nullptr) : parent_(parent) {}
  MemoryAccount(const MemoryAccount&) = delete;
  MemoryAccount& operator=(const MemoryAccount&) = delete;

  size_t bytes() const { return bytes_; }
  void Add(size_t bytes) {
    bytes_ += bytes;
    if (parent_ != nullptr) parent_->Add(bytes);
  }
  void Subtract(size_t bytes) {
    bytes_ -= bytes;
    if (parent_ != nullptr) parent_->Subtract(bytes);
  }
  void Settle() {
    if (parent_ != nullptr) parent_->Subtract(bytes_);
    parent_ = nullptr;
  }

 private:
  size_t bytes_ = 0;
  MemoryAccount* parent_;
};

}  // namespace henge::store
