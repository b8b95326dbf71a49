// SPDX-License-Identifier: Apache-2.0
// LibraryRegistry: the libraries of functions, one for the node. Any thread.
//
// A library is its code; what it registers is found by running it once when it is loaded
// (FunctionEngine::Examine). Each worker runs the code for itself when it first calls one of its
// functions; version() tells it when to look again whether it has the right one.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/strings.h"

namespace henge::commands::scripting {

struct Function {
  std::string name;
  std::optional<std::string> description;
  uint32_t flags = 0;  // ScriptFlag.
};

struct Library {
  std::string name;
  std::string code;  // With its first line.
  std::vector<Function> functions;
};
using LibraryRef = std::shared_ptr<const Library>;

class LibraryRegistry {
 public:
  enum class OnCollision : uint8_t { kRefuse, kReplace };

  struct Found {
    LibraryRef library;
    const Function* function = nullptr;  // Of the library; null: there is none of that name.
  };
  Found FindFunction(std::string_view name) const;
  bool Has(std::string_view library) const;
  // By name.
  std::vector<LibraryRef> All() const;

  // All of these or none. Returns the error's text, or empty.
  std::string Add(const std::vector<LibraryRef>& libraries, OnCollision on_collision);
  // These instead of all that are there. They do not collide with each other.
  void ReplaceAll(const std::vector<LibraryRef>& libraries);
  bool Delete(std::string_view name);
  void Flush() { ReplaceAll({}); }

  // Rises with every change.
  uint64_t version() const { return version_.load(std::memory_order_acquire); }
  size_t libraries() const { return library_count_.load(std::memory_order_relaxed); }
  size_t functions() const { return function_count_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  using Libraries = std::map<std::string, LibraryRef, std::less<>>;
  void Publish(Libraries libraries);  // REQUIRES: mu_.

  mutable std::mutex mu_;
  Libraries libraries_;           // Under mu_, as the following.
  StringMap<Found> by_function_;  // In lower case: functions are found in any.
  std::atomic<uint64_t> version_{0};
  std::atomic<size_t> library_count_{0};
  std::atomic<size_t> function_count_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace henge::commands::scripting
