// SPDX-License-Identifier: Apache-2.0
#include "commands/argument_sizes.h"

#include <algorithm>

namespace henge::commands {
namespace {

bool IsOfCollections(Group group) {
  switch (group) {
    case Group::kList:
    case Group::kSet:
    case Group::kSortedSet:
    case Group::kHash:
    case Group::kGeo:
    case Group::kStream:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool HasOverlongArgument(const CommandSpec& spec, std::span<const std::string_view> argv,
                         std::span<const store::Key> keys) {
  if (IsOfCollections(spec.group)) {
    return std::any_of(argv.begin(), argv.end(),
                       [](std::string_view argument) { return argument.size() > kLongestElement; });
  }
  return std::any_of(keys.begin(), keys.end(),
                     [](const store::Key& key) { return key.bytes.size() > kLongestElement; });
}

}  // namespace henge::commands
