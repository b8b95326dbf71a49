// SPDX-License-Identifier: Apache-2.0
#include "commands/command_table.h"

#include <array>
#include <cstdlib>
#include <utility>

#include "base/numbers.h"
#include "base/strings.h"

namespace henge::commands {
namespace {

constexpr size_t kMaxName = 64;

uint32_t HashName(const char* s, size_t n) {
  uint32_t h = 2166136261u;  // FNV-1a
  for (size_t i = 0; i < n; ++i) h = (h ^ static_cast<uint8_t>(s[i])) * 16777619u;
  return h ^ h >> 15;
}

// A name of up to eight letters as one number, in lower case; 0 for any other name. Two bytes that
// differ in the bit 0x20 are the same letter.
uint64_t ShortName(std::string_view name) {
  constexpr uint64_t kLower = 0x2020202020202020;
  uint64_t letters = 0;
  if (name.size() >= 4 && name.size() <= 8) {
    uint32_t head;
    uint32_t tail;
    std::memcpy(&head, name.data(), 4);
    std::memcpy(&tail, name.data() + name.size() - 4, 4);
    letters = head | uint64_t{tail} << 8 * (name.size() - 4);
  } else if (name.size() == 3) {
    letters = static_cast<uint8_t>(name[0]) | static_cast<uint8_t>(name[1]) << 8 |
              static_cast<uint8_t>(name[2]) << 16;
  } else {
    return 0;
  }
  return letters | (kLower >> 8 * (8 - name.size()));
}

bool IsLetters(std::string_view name) {
  return std::all_of(name.begin(), name.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

uint32_t GroupCategories(Group group) {
  switch (group) {
    case Group::kGeneric:
      return kCatKeyspace;
    case Group::kString:
      return kCatString;
    case Group::kList:
      return kCatList;
    case Group::kSet:
      return kCatSet;
    case Group::kSortedSet:
      return kCatSortedSet;
    case Group::kHash:
      return kCatHash;
    case Group::kTransactions:
      return kCatTransaction;
    case Group::kConnection:
      return kCatConnection;
    case Group::kScripting:
      return kCatScripting;
    case Group::kHyperLogLog:
      return kCatHyperLogLog;
    case Group::kGeo:
      return kCatGeo;
    case Group::kStream:
      return kCatStream;
    case Group::kBitmap:
      return kCatBitmap;
    default:
      return 0;
  }
}

// What Redis derives: read and write from the flags (not for pub/sub and scripts), admin is
// dangerous, and what is not fast is slow.
uint32_t EffectiveCategories(const CommandSpec& spec) {
  uint32_t c = spec.categories;
  // WAIT and WAITAOF are generic but about the connection alone; SORT and SORT_RO name the types
  // they work on. A container has no group: its subcommands do.
  const bool no_group =
      (spec.group == Group::kGeneric && (spec.categories & (kCatConnection | kCatList)) != 0) ||
      !spec.subcommands.empty();
  if (!no_group) c |= GroupCategories(spec.group);
  if ((spec.flags & kWrite) != 0) c |= kCatWrite;
  if ((spec.flags & kReadonly) != 0 && spec.group != Group::kScripting) c |= kCatRead;
  if ((spec.flags & kAdmin) != 0) c |= kCatAdmin | kCatDangerous;
  if ((spec.flags & kPubSubCommand) != 0) c |= kCatPubsub;
  if ((spec.flags & kBlocking) != 0) c |= kCatBlocking;
  c |= (spec.flags & kFast) != 0 ? kCatFast : kCatSlow;
  return c;
}

bool IsRange(const KeySpec& key) {
  return key.begin == KeySpec::Begin::kIndex && key.find == KeySpec::Find::kRange;
}

// The first key, the last and the step, as clients knew them before there were key specs: of the
// only range, or of all ranges of step one that follow each other. What this leaves out makes the
// command's keys movable.
void SetLegacyKeyRange(CommandInfo& info) {
  const KeySpec* keys = info.spec->keys;
  constexpr auto kNone = KeySpec::Begin::kNone;
  if (keys[0].begin != kNone && keys[1].begin == kNone && IsRange(keys[0])) {
    info.first_key = keys[0].position;
    info.last_key = keys[0].last >= 0 ? keys[0].position + keys[0].last : keys[0].last;
    info.key_step = keys[0].step;
    if ((keys[0].flags & kIncomplete) != 0) info.flags |= kMovableKeys;
    return;
  }
  for (const KeySpec& key : info.spec->keys) {
    if (key.begin == kNone) break;
    const bool follows = info.last_key == 0 || info.last_key == key.position - 1;
    if (!IsRange(key) || key.step != 1 || !follows) {
      info.flags |= kMovableKeys;
      continue;
    }
    if ((key.flags & kIncomplete) != 0) info.flags |= kMovableKeys;
    if (info.first_key == 0) info.first_key = key.position;
    info.last_key = key.last >= 0 ? key.position + key.last : key.last;
    info.key_step = 1;
  }
}

bool AppendRange(const KeySpec& key, int first, std::span<const std::string_view> argv,
                 std::vector<KeyPosition>& out) {
  const int n = static_cast<int>(argv.size());
  int last = key.last >= 0 ? first + key.last : n + key.last;
  if (key.last < 0 && key.limit > 1) last = first + (n - first) / key.limit + key.last;
  if (last >= n || first >= n || last < first) return false;
  for (int i = first; i <= last; i += key.step) out.push_back({i, key.flags});
  return true;
}

bool AppendCounted(const KeySpec& key, int begin, std::span<const std::string_view> argv,
                   std::vector<KeyPosition>& out) {
  const int n = static_cast<int>(argv.size());
  const int at = begin + key.count_index;
  if (at >= n) return false;
  const auto count = ParseInt64(argv[static_cast<size_t>(at)]);
  const int first = begin + key.first;
  if (!count || *count <= 0 || *count > n - first) return false;
  for (int i = 0; i < *count; ++i) out.push_back({first + i * key.step, key.flags});
  return true;
}

// Where a keyword-led spec begins: the argument after the keyword, or -1. A negative start searches
// backwards from the end.
int FindKeyword(const KeySpec& key, std::span<const std::string_view> argv) {
  const int n = static_cast<int>(argv.size());
  const int start = key.position >= 0 ? key.position : n + key.position;
  const int step = key.position >= 0 ? 1 : -1;
  const int lowest = key.position >= 0 ? 1 : 2;
  for (int i = start; i >= lowest && i < n - 1; i += step) {
    if (EqualsIgnoreCase(argv[static_cast<size_t>(i)], key.keyword)) return i + 1;
  }
  return -1;
}

constexpr std::array<std::pair<uint32_t, std::string_view>, 21> kCategoryNames = {{
    {kCatKeyspace, "keyspace"},
    {kCatRead, "read"},
    {kCatWrite, "write"},
    {kCatSet, "set"},
    {kCatSortedSet, "sortedset"},
    {kCatList, "list"},
    {kCatHash, "hash"},
    {kCatString, "string"},
    {kCatBitmap, "bitmap"},
    {kCatHyperLogLog, "hyperloglog"},
    {kCatGeo, "geo"},
    {kCatStream, "stream"},
    {kCatPubsub, "pubsub"},
    {kCatAdmin, "admin"},
    {kCatFast, "fast"},
    {kCatSlow, "slow"},
    {kCatBlocking, "blocking"},
    {kCatDangerous, "dangerous"},
    {kCatConnection, "connection"},
    {kCatTransaction, "transaction"},
    {kCatScripting, "scripting"},
}};

template <size_t N>
std::vector<std::string_view> NamesOf(
    uint32_t bits, const std::array<std::pair<uint32_t, std::string_view>, N>& names) {
  std::vector<std::string_view> out;
  for (const auto& [bit, name] : names) {
    if ((bits & bit) != 0) out.push_back(name);
  }
  return out;
}

}  // namespace

bool FindKeys(const CommandSpec& spec, std::span<const std::string_view> argv,
              std::vector<KeyPosition>& out) {
  for (const KeySpec& key : spec.keys) {
    if (key.begin == KeySpec::Begin::kNone) break;
    if (key.begin == KeySpec::Begin::kUnknown || key.find == KeySpec::Find::kUnknown) continue;
    int begin = key.position;
    if (key.begin == KeySpec::Begin::kKeyword) {
      begin = FindKeyword(key, argv);
      if (begin < 0) continue;
    }
    const bool fits = key.find == KeySpec::Find::kCounted ? AppendCounted(key, begin, argv, out)
                                                          : AppendRange(key, begin, argv, out);
    if (!fits) return false;
  }
  if (spec.refine_keys != nullptr) spec.refine_keys(argv, out);
  return true;
}

const CommandTable& CommandTable::Get() {
  static const CommandTable* table = new CommandTable;
  return *table;
}

namespace {

// Whether commands of this group work on values behind a pointer.
bool IsCollection(Group group) {
  return group == Group::kList || group == Group::kSet || group == Group::kSortedSet ||
         group == Group::kHash || group == Group::kStream || group == Group::kGeo;
}

}  // namespace

CommandTable::CommandTable() {
  for (const auto room : {StringCommands(),      BitmapCommands(),      DumpCommands(),
                          PersistenceCommands(), ReplicationCommands(), GeoCommands(),
                          HyperLogLogCommands(), ListCommands(),        SetCommands(),
                          SortedSetCommands(),   HashCommands(),        SortingCommands(),
                          KeyspaceCommands(),    ConnectionCommands(),  TransactionCommands(),
                          ServerCommands(),      ClusterCommands(),     IntrospectionCommands(),
                          StreamCommands(),      StreamGroupCommands(), PubsubCommands(),
                          ScriptingCommands(),   SentinelCommands()}) {
    for (const CommandSpec& spec : room) {
      Add(spec, nullptr);
      for (const CommandSpec& sub : spec.subcommands) Add(sub, &spec);
    }
  }
  size_t size = 64;
  while (size < infos_.size() * 4) size *= 2;
  buckets_.assign(size, -1);
  for (const CommandInfo& info : infos_) {
    size_t at = HashName(info.full_name.data(), info.full_name.size()) & (size - 1);
    while (buckets_[at] >= 0) {
      if (infos_[static_cast<size_t>(buckets_[at])].full_name == info.full_name) std::abort();
      at = (at + 1) & (size - 1);
    }
    buckets_[at] = info.index;
    if (!IsLetters(info.full_name) || !info.spec->subcommands.empty()) continue;
    const uint64_t letters = ShortName(info.full_name);
    if (letters == 0) continue;
    ShortSlot& slot = short_[ShortPlace(letters)];
    if (slot.letters == 0) slot = {letters, &info};
  }
}

void CommandTable::Add(const CommandSpec& spec, const CommandSpec* container) {
  CommandInfo info;
  info.spec = &spec;
  info.container = container;
  info.full_name = container == nullptr
                       ? std::string(spec.name)
                       : std::string(container->name) + "|" + std::string(spec.name);
  info.categories = EffectiveCategories(spec);
  info.index = static_cast<int>(infos_.size());
  info.flags = spec.flags;
  SetLegacyKeyRange(info);
  const bool one_spec = spec.keys[1].begin == KeySpec::Begin::kNone;
  info.simple_single_key = one_spec && info.first_key == 1 && info.last_key == 1;
  info.on_collection = info.simple_single_key && IsCollection(spec.group);
  infos_.push_back(std::move(info));
}

const CommandInfo* CommandTable::FindLower(const char* lower, size_t size) const {
  const size_t mask = buckets_.size() - 1;
  for (size_t at = HashName(lower, size) & mask; buckets_[at] >= 0; at = (at + 1) & mask) {
    const CommandInfo& info = infos_[static_cast<size_t>(buckets_[at])];
    if (info.full_name.size() == size && std::memcmp(info.full_name.data(), lower, size) == 0) {
      return &info;
    }
  }
  return nullptr;
}

const CommandInfo* CommandTable::Find(std::string_view full_name) const {
  char lower[2 * kMaxName];
  if (full_name.size() > sizeof(lower)) return nullptr;
  for (size_t i = 0; i < full_name.size(); ++i) lower[i] = AsciiLower(full_name[i]);
  return FindLower(lower, full_name.size());
}

const CommandInfo* CommandTable::Of(const CommandSpec& spec) const {
  for (const CommandInfo& info : infos_) {
    if (info.spec == &spec) return &info;
  }
  return nullptr;
}

CommandTable::Resolved CommandTable::Resolve(std::span<const std::string_view> argv) const {
  const std::string_view name = argv[0];
  if (const uint64_t letters = ShortName(name); letters != 0) {
    const ShortSlot& slot = short_[ShortPlace(letters)];
    if (slot.letters == letters) return {slot.info};
  }
  char lower[2 * kMaxName + 1];
  if (name.size() > kMaxName) return {};
  for (size_t i = 0; i < name.size(); ++i) lower[i] = AsciiLower(name[i]);
  const CommandInfo* info = FindLower(lower, name.size());
  if (info == nullptr || info->container != nullptr) return {};
  if (info->spec->subcommands.empty() || argv.size() < 2) return {info};
  const std::string_view sub = argv[1];
  if (sub.size() > kMaxName) return {info, true};
  size_t size = name.size();
  lower[size++] = '|';
  for (const char c : sub) lower[size++] = AsciiLower(c);
  const CommandInfo* found = FindLower(lower, size);
  return found != nullptr ? Resolved{found} : Resolved{info, true};
}

std::string_view GroupName(Group group) {
  static constexpr std::array<std::string_view, 17> kNames = {
      "generic", "string",       "list",       "set",    "sorted-set", "hash",
      "pubsub",  "transactions", "connection", "server", "scripting",  "hyperloglog",
      "cluster", "sentinel",     "geo",        "stream", "bitmap"};
  return kNames[static_cast<size_t>(group)];
}

std::vector<std::string_view> FlagNames(const CommandInfo& info) {
  static constexpr std::array<std::pair<uint32_t, std::string_view>, 19> kNames = {{
      {kWrite, "write"},
      {kReadonly, "readonly"},
      {kDenyOom, "denyoom"},
      {kAdmin, "admin"},
      {kPubSubCommand, "pubsub"},
      {kNoScript, "noscript"},
      {kBlocking, "blocking"},
      {kLoading, "loading"},
      {kStale, "stale"},
      {kSkipMonitor, "skip_monitor"},
      {kSkipSlowlog, "skip_slowlog"},
      {kAsking, "asking"},
      {kFast, "fast"},
      {kNoAuth, "no_auth"},
      {kNoMandatoryKeys, "no_mandatory_keys"},
      {kNoAsyncLoading, "no_async_loading"},
      {kNoMulti, "no_multi"},
      {kMovableKeys, "movablekeys"},
      {kAllowBusy, "allow_busy"},
  }};
  return NamesOf(info.flags, kNames);
}

std::vector<std::string_view> CategoryNames(uint32_t categories) {
  return NamesOf(categories, kCategoryNames);
}

uint32_t CategoryNamed(std::string_view name) {
  for (const auto& [bit, known] : kCategoryNames) {
    if (EqualsIgnoreCase(known, name)) return bit;
  }
  return 0;
}

std::vector<std::string_view> KeyFlagNames(uint16_t flags) {
  static constexpr std::array<std::pair<uint32_t, std::string_view>, 11> kNames = {{
      {kRO, "RO"},
      {kRW, "RW"},
      {kOW, "OW"},
      {kRM, "RM"},
      {kAccess, "access"},
      {kUpdate, "update"},
      {kInsert, "insert"},
      {kDelete, "delete"},
      {kNotKey, "not_key"},
      {kIncomplete, "incomplete"},
      {kVariableFlags, "variable_flags"},
  }};
  return NamesOf(flags, kNames);
}

}  // namespace henge::commands
