// SPDX-License-Identifier: Apache-2.0
// All command rows, found by name in any case. Built once at start; immutable, thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "commands/command_spec.h"
#include "store/key.h"

namespace henge::commands {

// What a row becomes in the table: with everything that follows from it worked out.
struct CommandInfo {
  const CommandSpec* spec = nullptr;
  const CommandSpec* container = nullptr;         // Of a subcommand.
  std::string full_name;                          // "client|list"
  uint32_t flags = 0;                             // The row's, and kMovableKeys.
  uint32_t categories = 0;                        // Effective ACL categories.
  int index = 0;                                  // Dense, for statistics.
  int first_key = 0, last_key = 0, key_step = 0;  // COMMAND INFO's legacy triple.
  bool simple_single_key = false;                 // The only key is argv[1].
  bool on_collection = false;                     // And it holds a list, set, hash …
};

class CommandTable {
 public:
  static const CommandTable& Get();

  // The command, or its subcommand where argv has one that exists; null if unknown. `unknown_sub`
  // is set when the container exists but the subcommand doesn't.
  struct Resolved {
    const CommandInfo* info = nullptr;
    bool unknown_subcommand = false;
  };
  Resolved Resolve(std::span<const std::string_view> argv) const;
  const CommandInfo* Find(std::string_view full_name) const;  // "get", "client|list"; any case.
  const CommandInfo* Of(const CommandSpec& spec) const;
  std::span<const CommandInfo> all() const {
    return infos_;
  }  // Containers before their subcommands.

 private:
  CommandTable();
  void Add(const CommandSpec& spec, const CommandSpec* container);
  const CommandInfo* FindLower(const char* lower, size_t size) const;

  std::vector<CommandInfo> infos_;
  std::vector<int> buckets_;  // Open addressing over full names; -1 empty.

  // Most commands of three to eight letters, to be found at one look; the others are in buckets_
  // only.
  struct ShortSlot {
    uint64_t letters = 0;
    const CommandInfo* info = nullptr;
  };
  static size_t ShortPlace(uint64_t letters) { return letters * 0x9e3779b97f4a7c15 >> 54; }
  std::array<ShortSlot, 1024> short_;
};

// The keys of a call by its row's key specs, appended to `out` in order of appearance, with
// argument indices. Returns false when the arguments don't fit the specs (COMMAND GETKEYS says so).
bool FindKeys(const CommandSpec& spec, std::span<const std::string_view> argv,
              std::vector<KeyPosition>& out);

std::string_view GroupName(Group group);
// The flags that COMMAND INFO shows; some are hidden, as in Redis.
std::vector<std::string_view> FlagNames(const CommandInfo& info);
std::vector<std::string_view> CategoryNames(uint32_t categories);
// The category of that name, in any case; 0 if there is none.
uint32_t CategoryNamed(std::string_view name);
std::vector<std::string_view> KeyFlagNames(uint16_t flags);

// The rows of each room (one function per room; each returns a constexpr array).
std::span<const CommandSpec> ScriptingCommands();
std::span<const CommandSpec> StringCommands();
std::span<const CommandSpec> DumpCommands();
std::span<const CommandSpec> PersistenceCommands();
std::span<const CommandSpec> ReplicationCommands();
std::span<const CommandSpec> BitmapCommands();
std::span<const CommandSpec> ListCommands();
std::span<const CommandSpec> SortedSetCommands();
std::span<const CommandSpec> HashCommands();
std::span<const CommandSpec> HyperLogLogCommands();
std::span<const CommandSpec> SetCommands();
std::span<const CommandSpec> GeoCommands();
std::span<const CommandSpec> SortingCommands();
std::span<const CommandSpec> KeyspaceCommands();
std::span<const CommandSpec> ConnectionCommands();
std::span<const CommandSpec> TransactionCommands();
std::span<const CommandSpec> ServerCommands();
std::span<const CommandSpec> ClusterCommands();
std::span<const CommandSpec> IntrospectionCommands();
std::span<const CommandSpec> StreamCommands();
std::span<const CommandSpec> StreamGroupCommands();
std::span<const CommandSpec> PubsubCommands();
std::span<const CommandSpec> SentinelCommands();

}  // namespace henge::commands
