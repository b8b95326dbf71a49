// SPDX-License-Identifier: Apache-2.0
// ScriptCache: the scripts that EVAL and SCRIPT LOAD brought, by their SHA-1; one for the node. Any
// thread.
//
// Each worker compiles what it runs for itself and keeps what Find gave; epoch() tells it when all
// of that is void (SCRIPT FLUSH).
#pragma once

#include <absl/status/statusor.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "base/strings.h"

namespace henge::commands::scripting {

// What the first line of a script, or who registers a function, says of it.
enum ScriptFlag : uint32_t {
  kNoWrites = 1u << 0,
  kAllowOom = 1u << 1,
  kAllowStale = 1u << 2,
  kNoCluster = 1u << 3,
  kAllowCrossSlotKeys = 1u << 4,
  kNoFlags = 1u << 5,  // A script without such a line: as before there were flags.
};
// The flag of that name; 0 if there is none.
uint32_t ScriptFlagNamed(std::string_view name);
std::string_view ScriptFlagName(uint32_t flag);
inline constexpr uint32_t kNamedScriptFlags = 5;

struct Script {
  std::string source;
  std::string sha;  // 40 lower-case hex digits.
  uint32_t flags = kNoFlags;
  size_t shebang = 0;  // Bytes of the first line, which Lua must not see.
};

// The flags in a script's first line. The status's message is the error's text.
struct Shebang {
  uint32_t flags;
  size_t bytes;
};
absl::StatusOr<Shebang> ReadShebang(std::string_view source);

class ScriptCache {
 public:
  using ScriptRef = std::shared_ptr<const Script>;

  // Null if there is none; digits in either case.
  ScriptRef Find(std::string_view sha) const;
  // Adds what Find does not find; returns what is there then.
  ScriptRef Add(ScriptRef script);
  void Flush();
  // Rises with every Flush.
  uint64_t epoch() const { return epoch_.load(std::memory_order_acquire); }

  size_t count() const { return count_.load(std::memory_order_relaxed); }
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  mutable std::mutex mu_;
  StringMap<ScriptRef> scripts_;  // Under mu_.
  std::atomic<uint64_t> epoch_{0};
  std::atomic<size_t> count_{0};
  std::atomic<size_t> bytes_{0};
};

}  // namespace henge::commands::scripting
