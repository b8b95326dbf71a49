// SPDX-License-Identifier: Apache-2.0
// The rows of the sorting room.
#include <array>

#include "commands/command_table.h"
#include "commands/sorting/handlers.h"
#include "commands/sorting/request.h"

namespace henge::commands {
namespace {

constexpr uint32_t kCategories = kCatSet | kCatSortedSet | kCatList | kCatDangerous;
constexpr std::string_view kComplexity =
    "O(N + M log M) in the numbers of elements and of those returned; O(N) without sorting.";

constexpr KeySpec Unknown(uint16_t flags, std::string_view notes) {
  return {.begin = KeySpec::Begin::kUnknown,
          .find = KeySpec::Find::kUnknown,
          .flags = flags,
          .notes = notes};
}
constexpr KeySpec kByPatterns =
    Unknown(kRO | kAccess, "What BY and GET name follows from the elements.");

constexpr std::array kCommands = {
    CommandSpec{.name = "sort",
                .arity = -2,
                .flags = kWrite | kDenyOom,
                .categories = kCategories,
                .since = "1.0.0",
                .complexity = kComplexity,
                .summary = "Sorts the elements of a list, set or sorted set; stores them if asked.",
                .syntax = "key [BY by-pattern=pattern#pattern:1] [LIMIT offset count] "
                          "[GET get-pattern=pattern#pattern:1 [GET pattern ...]] "
                          "[order: ASC | DESC] [sorting=ALPHA] [STORE destination#key:2]",
                .keys = {keys::One(1, kRO | kAccess), kByPatterns,
                         Unknown(kOW | kUpdate, "STORE may stand anywhere.")},
                .refine_keys = RefineSortKeys,
                .handler = Sort},
    CommandSpec{.name = "sort_ro",
                .arity = -2,
                .flags = kReadonly,
                .categories = kCategories,
                .since = "7.0.0",
                .complexity = kComplexity,
                .summary = "Sorts the elements of a list, set or sorted set.",
                .syntax = "key [BY by-pattern=pattern#pattern:1] [LIMIT offset count] "
                          "[GET get-pattern=pattern#pattern:1 [GET pattern ...]] "
                          "[order: ASC | DESC] [sorting=ALPHA]",
                .keys = {keys::One(1, kRO | kAccess), kByPatterns},
                .refine_keys = RefineSortReadOnlyKeys,
                .handler = SortReadOnly},
};
static_assert(SpecsAreSound(kCommands));

}  // namespace

std::span<const CommandSpec> SortingCommands() { return kCommands; }

}  // namespace henge::commands
