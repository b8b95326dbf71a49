// SPDX-License-Identifier: Apache-2.0
#include "cluster/topology/membership.h"

#include <algorithm>

namespace henge::cluster {

void InsertSorted(std::vector<NodeId>& ids, const NodeId& id) {
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  if (at == ids.end() || *at != id) ids.insert(at, id);
}

bool EraseSorted(std::vector<NodeId>& ids, const NodeId& id) {
  const auto at = std::lower_bound(ids.begin(), ids.end(), id);
  if (at == ids.end() || *at != id) return false;
  ids.erase(at);
  return true;
}

void EraseGroup(TopologyParts& parts, GroupIndex group) {
  const GroupId id = parts.groups[group].id;
  std::erase_if(parts.marks, [&](const SlotMark& mark) {
    const bool migrates_from = !mark.migrating_to.IsZero() && parts.slots[mark.slot] == group;
    return migrates_from || mark.migrating_to == id || mark.importing == id ||
           mark.importing_from == id;
  });
  std::erase_if(parts.migrations, [&](const Migration& migration) {
    return migration.from == id || migration.to == id;
  });
  parts.groups.erase(parts.groups.begin() + group);
  for (GroupIndex& owner : parts.slots) {
    if (owner == kNoGroup || owner < group) continue;
    owner = owner == group ? kNoGroup : static_cast<GroupIndex>(owner - 1);
  }
}

}  // namespace henge::cluster
