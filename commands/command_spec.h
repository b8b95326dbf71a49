// SPDX-License-Identifier: Apache-2.0
// CommandSpec: all that Henge knows about one command, in one constexpr row beside its handler.
//
// From rows come dispatch and its gate (flags, key specs), COMMAND and its subcommands, ACL
// categories, the command reference, metrics labels and the fuzzer's grammar. `SpecIsSound` refuses
// a row that contradicts itself; every table of rows is checked by a static_assert.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace henge::commands {

struct CommandContext;
class ArgReader;
using Handler = void (*)(CommandContext&, ArgReader&);

enum class Group : uint8_t {
  kGeneric,
  kString,
  kList,
  kSet,
  kSortedSet,
  kHash,
  kPubsub,
  kTransactions,
  kConnection,
  kServer,
  kScripting,
  kHyperLogLog,
  kCluster,
  kSentinel,
  kGeo,
  kStream,
  kBitmap,
};

// What the gate and COMMAND INFO read. The first block has Redis's names.
enum Flag : uint32_t {
  kWrite = 1u << 0,
  kReadonly = 1u << 1,
  kDenyOom = 1u << 2,
  kAdmin = 1u << 3,
  kPubSubCommand = 1u << 4,
  kNoScript = 1u << 5,
  kBlocking = 1u << 6,
  kLoading = 1u << 7,  // Allowed while the dataset loads.
  kStale = 1u << 8,    // Allowed on a follower that has lost its leader.
  kSkipMonitor = 1u << 9,
  kSkipSlowlog = 1u << 10,
  kAsking = 1u << 11,
  kFast = 1u << 12,
  kNoAuth = 1u << 13,
  kMayReplicate = 1u << 14,
  kNoMandatoryKeys = 1u << 15,
  kNoAsyncLoading = 1u << 16,
  kNoMulti = 1u << 17,
  kMovableKeys = 1u << 18,  // Never in a row: CommandTable works it out from the key specs.
  kProtected = 1u << 19,    // Only where enable-debug-command and the like permit.
  kOnlySentinel = 1u << 20,
  kSentinelToo = 1u << 21,
  kAllowBusy = 1u << 22,
  kSysCmd = 1u << 23,  // Servers send it to each other; COMMAND DOCS says so.
  // Henge's own.
  kWhileSubscribed = 1u << 24,  // Allowed in RESP2's subscriber mode.
  kRepliesByPush = 1u << 25,    // Its replies are pushes: CLIENT REPLY does not silence them.
  kRunsScript = 1u << 26,       // Runs commands, which are told one by one: EVAL, FCALL.
  kLocksQueued = 1u << 27,  // Holds what the client's queued commands and watched keys need: EXEC.
  kLocksAll = 1u << 28,     // Holds every shard while it runs: FLUSHALL, SWAPDB.
  kWalks = 1u << 29,        // Locks shards one after another by itself (KEYS, SCAN, DBSIZE): in a
                            // transaction every shard is held instead.
  kRunsInMulti = 1u << 30,  // Executed, not queued, inside MULTI: EXEC, DISCARD, WATCH, QUIT …
  kTellsIfUnsaved = 1u << 31,  // Refused, as writes are, while those can't be saved: PING.
};

// ACL categories beyond those that follow from flags and group, as bits; see AclCategories().
enum Category : uint32_t {
  kCatKeyspace = 1u << 0,
  kCatRead = 1u << 1,
  kCatWrite = 1u << 2,
  kCatSet = 1u << 3,
  kCatSortedSet = 1u << 4,
  kCatList = 1u << 5,
  kCatHash = 1u << 6,
  kCatString = 1u << 7,
  kCatBitmap = 1u << 8,
  kCatHyperLogLog = 1u << 9,
  kCatGeo = 1u << 10,
  kCatStream = 1u << 11,
  kCatPubsub = 1u << 12,
  kCatAdmin = 1u << 13,
  kCatFast = 1u << 14,
  kCatSlow = 1u << 15,
  kCatBlocking = 1u << 16,
  kCatDangerous = 1u << 17,
  kCatConnection = 1u << 18,
  kCatTransaction = 1u << 19,
  kCatScripting = 1u << 20,
};

// How a command uses a key; COMMAND GETKEYSANDFLAGS shows them.
enum KeyFlag : uint16_t {
  kRO = 1,
  kRW = 2,
  kOW = 4,
  kRM = 8,
  kAccess = 16,
  kUpdate = 32,
  kInsert = 64,
  kDelete = 128,
  kNotKey = 256,
  kIncomplete = 512,
  kVariableFlags = 1024,
};

// Where keys stand among the arguments, in Redis's two steps: where to begin, how to go on.
struct KeySpec {
  enum class Begin : uint8_t { kNone, kIndex, kKeyword, kUnknown };
  enum class Find : uint8_t { kRange, kCounted, kUnknown };
  Begin begin = Begin::kNone;
  Find find = Find::kRange;
  uint16_t flags = 0;
  int16_t position = 0;  // kIndex: of the first key (or count). kKeyword: where to start looking.
  std::string_view keyword;  // kKeyword.
  int16_t last = 0;          // kRange: relative to the first; negative counts from the end.
  int16_t step = 1;
  int16_t limit = 0;        // kRange with last -1: 2 takes the first half of what is left, …
  int16_t count_index = 0;  // kCounted: relative to begin.
  int16_t first = 1;        // kCounted: relative to begin.
  std::string_view notes = {};
};

// A key among a call's arguments, and how the call uses it (KeyFlag).
struct KeyPosition {
  int index;
  uint16_t flags;
};
// What key specs can't say. Called with a whole call and the keys that the specs found in it; adds
// keys (SORT ... STORE) or corrects their flags (SET ... GET).
using KeyRefiner = void (*)(std::span<const std::string_view> argv,
                            std::vector<KeyPosition>& found);

namespace keys {
constexpr KeySpec One(int position, int flags) {
  return {.begin = KeySpec::Begin::kIndex,
          .flags = static_cast<uint16_t>(flags),
          .position = static_cast<int16_t>(position)};
}
// From `position` on, every `step`-th, up to `last` (-1: the end), relative to the first as in
// Redis.
constexpr KeySpec Range(int position, int last, int step, int flags) {
  KeySpec spec = One(position, flags);
  spec.last = static_cast<int16_t>(last);
  spec.step = static_cast<int16_t>(step);
  return spec;
}
// A count at `position`, then as many keys.
constexpr KeySpec Counted(int position, int flags) {
  KeySpec spec = One(position, flags);
  spec.find = KeySpec::Find::kCounted;
  return spec;
}
constexpr KeySpec AfterKeyword(std::string_view keyword, int start, int flags) {
  KeySpec spec = One(start, flags);
  spec.begin = KeySpec::Begin::kKeyword;
  spec.keyword = keyword;
  return spec;
}
constexpr KeySpec Noted(KeySpec spec, std::string_view notes) {
  spec.notes = notes;
  return spec;
}
}  // namespace keys

struct CommandSpec {
  std::string_view name;  // Lower case; of a subcommand only its own word.
  int arity = 0;          // Counts the name (and container); negative: at least.
  uint32_t flags = 0;
  uint32_t categories = 0;  // Beyond those that follow from flags and group.
  Group group = Group::kGeneric;
  std::string_view since;
  std::string_view deprecated_since = {};
  std::string_view replaced_by = {};
  std::string_view history = {};  // What came later: "2.6.12 NX and XX; 6.2.0 GET".
  std::string_view complexity;
  std::string_view summary;
  std::string_view syntax;  // The arguments in the notation of syntax.h: "key value [NX | XX]".
  std::string_view
      tips;  // Space-separated, e.g. "nondeterministic_output request_policy:all_shards".
  KeySpec keys[4] = {};  // Ends at the first with Begin::kNone.
  KeyRefiner refine_keys = nullptr;
  // The argument that names a member or field of the first key's value, so that it can be fetched
  // from memory beforehand; 0: none.
  uint8_t member = 0;
  // Sends what is here of a slot that is on its way to another node: no redirection stops it there.
  bool moves_keys = false;
  Handler handler = nullptr;
  std::span<const CommandSpec> subcommands = {};
};

constexpr bool SpecIsSound(const CommandSpec& spec) {
  if (spec.name.empty() || spec.arity == 0 || spec.summary.empty() || spec.since.empty())
    return false;
  for (const char c : spec.name) {
    if (c >= 'A' && c <= 'Z') return false;
  }
  if ((spec.flags & kWrite) != 0 && (spec.flags & kReadonly) != 0) return false;
  if ((spec.flags & kDenyOom) != 0 && (spec.flags & kWrite) == 0) return false;
  if (spec.handler == nullptr && spec.subcommands.empty()) return false;
  for (const CommandSpec& sub : spec.subcommands) {
    if (!sub.subcommands.empty() || !SpecIsSound(sub)) return false;
  }
  return true;
}
constexpr bool SpecsAreSound(std::span<const CommandSpec> specs) {
  for (const CommandSpec& spec : specs) {
    if (!SpecIsSound(spec)) return false;
  }
  return true;
}

}  // namespace henge::commands
