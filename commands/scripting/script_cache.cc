// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/script_cache.h"

#include <array>
#include <utility>
#include <vector>

#include "base/memory.h"
#include "proto/resp_parser.h"

namespace henge::commands::scripting {
namespace {

constexpr std::array<std::pair<std::string_view, uint32_t>, kNamedScriptFlags> kFlags = {{
    {"no-writes", kNoWrites},
    {"allow-oom", kAllowOom},
    {"allow-stale", kAllowStale},
    {"no-cluster", kNoCluster},
    {"allow-cross-slot-keys", kAllowCrossSlotKeys},
}};

absl::Status Wrong(std::string_view what, std::string_view word = {}) {
  return absl::InvalidArgumentError(Absl(std::string(what) + std::string(word)));
}

absl::StatusOr<uint32_t> ReadFlags(std::string_view list) {
  uint32_t flags = 0;
  while (!list.empty()) {
    const size_t comma = list.find(',');
    const std::string_view name = list.substr(0, comma);
    const uint32_t flag = ScriptFlagNamed(name);
    if (flag == 0) return Wrong("ERR Unexpected flag in script shebang: ", name);
    flags |= flag;
    if (comma == std::string_view::npos) break;
    list.remove_prefix(comma + 1);
    if (list.empty()) return Wrong("ERR Unexpected flag in script shebang: ");
  }
  return flags;
}

size_t BytesOf(const Script& script) {
  constexpr size_t kSlot = 48;  // In the map.
  return AllocationSize(sizeof(Script)) + AllocationSize(script.source.size() + 1) +
         2 * AllocationSize(script.sha.size() + 1) + kSlot;
}

}  // namespace

uint32_t ScriptFlagNamed(std::string_view name) {
  for (const auto& [known, flag] : kFlags) {
    if (known == name) return flag;
  }
  return 0;
}

std::string_view ScriptFlagName(uint32_t flag) {
  for (const auto& [name, known] : kFlags) {
    if (known == flag) return name;
  }
  return {};
}

absl::StatusOr<Shebang> ReadShebang(std::string_view source) {
  if (!source.starts_with("#!")) return Shebang{kNoFlags, 0};
  const size_t end = source.find('\n');
  if (end == std::string_view::npos) return Wrong("ERR Invalid script shebang");
  std::vector<std::string> words;
  if (!proto::SplitQuoted(source.substr(0, end), words) || words.empty()) {
    return Wrong("ERR Invalid engine in script shebang");
  }
  if (words.front() != "#!lua") {
    return Wrong("ERR Unexpected engine in script shebang: ", words.front());
  }
  uint32_t flags = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    constexpr std::string_view kOption = "flags=";
    const std::string& word = words[i];
    if (!word.starts_with(kOption)) return Wrong("ERR Unknown lua shebang option: ", word);
    const auto more = ReadFlags(std::string_view(word).substr(kOption.size()));
    if (!more.ok()) return more.status();
    flags |= *more;
  }
  return Shebang{flags, end};
}

ScriptCache::ScriptRef ScriptCache::Find(std::string_view sha) const {
  const std::string lower = ToLower(sha);
  const std::lock_guard lock(mu_);
  const auto found = scripts_.find(lower);
  return found == scripts_.end() ? nullptr : found->second;
}

ScriptCache::ScriptRef ScriptCache::Add(ScriptRef script) {
  const std::lock_guard lock(mu_);
  const auto [place, added] = scripts_.try_emplace(script->sha, script);
  if (added) {
    count_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(BytesOf(*script), std::memory_order_relaxed);
  }
  return place->second;
}

void ScriptCache::Flush() {
  StringMap<ScriptRef> old;
  const std::lock_guard lock(mu_);
  old.swap(scripts_);
  count_.store(0, std::memory_order_relaxed);
  bytes_.store(0, std::memory_order_relaxed);
  epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace henge::commands::scripting
