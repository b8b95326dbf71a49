// SPDX-License-Identifier: Apache-2.0
// Where one parameter's value lives. Cells are read on the hot path from any thread: a relaxed
// atomic load and nothing else, so a reader may see a new value a moment late, and two values set
// by one CONFIG SET not at the same instant. Texts are for the cold path: a lock and a copy.
//
// Only Config writes them.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace henge::server {

class Cell {
 public:
  int64_t number() const { return value_.load(std::memory_order_relaxed); }
  void Store(int64_t value) { value_.store(value, std::memory_order_relaxed); }

 private:
  std::atomic<int64_t> value_{0};
};

class Number : public Cell {
 public:
  int64_t load() const { return number(); }
};

class Flag : public Cell {
 public:
  bool load() const { return number() != 0; }
};

template <class E>
class Choice : public Cell {
 public:
  E load() const { return static_cast<E>(number()); }
};

class Text {
 public:
  std::string load() const {
    const std::lock_guard lock(mu_);
    return value_;
  }
  void Store(std::string_view value) {
    const std::lock_guard lock(mu_);
    value_.assign(value);
  }

 private:
  mutable std::mutex mu_;
  std::string value_;
};

}  // namespace henge::server
