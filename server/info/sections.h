// SPDX-License-Identifier: Apache-2.0
// The sections of INFO, one function each: Redis's field names over the node's numbers, in Redis's
// order, with Henge's own after them. They read atomics and sum over workers; any thread.
//
// tests/system/info_test.py compares the names with the reference's.
#pragma once

#include "server/info/fields.h"

namespace henge::server {

class Node;

void ServerFields(Node& node, InfoFields& out);
void ClientFields(Node& node, InfoFields& out);
void MemoryFields(Node& node, InfoFields& out);
void PersistenceFields(Node& node, InfoFields& out);
void StatsFields(Node& node, InfoFields& out);
void ReplicationFields(Node& node, InfoFields& out);
void CpuFields(Node& node, InfoFields& out);
void ModuleFields(Node& node, InfoFields& out);
void CommandFields(Node& node, InfoFields& out);
void ErrorFields(Node& node, InfoFields& out);
void LatencyFields(Node& node, InfoFields& out);
void ClusterFields(Node& node, InfoFields& out);
void SentinelFields(Node& node, InfoFields& out);  // None, unless of a group without shards.
void KeyspaceFields(Node& node, InfoFields& out);
void DebugFields(Node& node, InfoFields& out);

}  // namespace henge::server
