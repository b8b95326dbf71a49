// SPDX-License-Identifier: Apache-2.0
// The closed sets that parameters choose from, and their names in Redis's order, which is the order
// error texts list them in. Constants; any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/log.h"
#include "cluster/endpoint.h"
#include "server/cluster_config.h"
#include "server/observability/log_text.h"
#include "store/store.h"

namespace henge::server {

struct ChoiceName {
  std::string_view name;
  int64_t value;
};

template <class E>
constexpr ChoiceName Named(std::string_view name, E value) {
  return {name, static_cast<int64_t>(value)};
}

using store::EvictionPolicy;
inline constexpr ChoiceName kEvictionPolicyNames[] = {
    Named("volatile-lru", EvictionPolicy::kVolatileLru),
    Named("volatile-lfu", EvictionPolicy::kVolatileLfu),
    Named("volatile-random", EvictionPolicy::kVolatileRandom),
    Named("volatile-ttl", EvictionPolicy::kVolatileTtl),
    Named("allkeys-lru", EvictionPolicy::kAllKeysLru),
    Named("allkeys-lfu", EvictionPolicy::kAllKeysLfu),
    Named("allkeys-random", EvictionPolicy::kAllKeysRandom),
    Named("noeviction", EvictionPolicy::kNoEviction)};

enum class SyslogFacility : uint8_t {
  kUser,
  kLocal0,
  kLocal1,
  kLocal2,
  kLocal3,
  kLocal4,
  kLocal5,
  kLocal6,
  kLocal7,
};
inline constexpr ChoiceName kSyslogFacilityNames[] = {
    Named("user", SyslogFacility::kUser),     Named("local0", SyslogFacility::kLocal0),
    Named("local1", SyslogFacility::kLocal1), Named("local2", SyslogFacility::kLocal2),
    Named("local3", SyslogFacility::kLocal3), Named("local4", SyslogFacility::kLocal4),
    Named("local5", SyslogFacility::kLocal5), Named("local6", SyslogFacility::kLocal6),
    Named("local7", SyslogFacility::kLocal7)};

inline constexpr ChoiceName kLogLevelNames[] = {
    Named("debug", LogLevel::kDebug),     Named("verbose", LogLevel::kVerbose),
    Named("notice", LogLevel::kNotice),   Named("warning", LogLevel::kWarning),
    Named("nothing", LogLevel::kNothing), Named("info", LogLevel::kNotice),
    Named("warn", LogLevel::kWarning),    Named("error", LogLevel::kError),
    Named("trace", LogLevel::kDebug)};

inline constexpr ChoiceName kLogFormatNames[] = {Named("text", LogFormat::kText),
                                                 Named("json", LogFormat::kJson)};

enum class Supervised : uint8_t { kNone, kUpstart, kSystemd, kAuto };
inline constexpr ChoiceName kSupervisedNames[] = {
    Named("upstart", Supervised::kUpstart), Named("systemd", Supervised::kSystemd),
    Named("auto", Supervised::kAuto), Named("no", Supervised::kNone)};

enum class AppendFsync : uint8_t { kEverySecond, kAlways, kNever };
inline constexpr ChoiceName kAppendFsyncNames[] = {Named("everysec", AppendFsync::kEverySecond),
                                                   Named("always", AppendFsync::kAlways),
                                                   Named("no", AppendFsync::kNever)};

enum class ReplicationRole : uint8_t { kAuto, kLeader, kFollower };
inline constexpr ChoiceName kReplicationRoleNames[] = {
    Named("auto", ReplicationRole::kAuto), Named("leader", ReplicationRole::kLeader),
    Named("follower", ReplicationRole::kFollower)};

enum class DisklessLoad : uint8_t { kDisabled, kOnEmptyDb, kSwapDb };
inline constexpr ChoiceName kDisklessLoadNames[] = {Named("disabled", DisklessLoad::kDisabled),
                                                    Named("on-empty-db", DisklessLoad::kOnEmptyDb),
                                                    Named("swapdb", DisklessLoad::kSwapDb)};

enum class WriteConcern : uint8_t { kAsync, kInsync };
inline constexpr ChoiceName kWriteConcernNames[] = {Named("async", WriteConcern::kAsync),
                                                    Named("insync", WriteConcern::kInsync)};

enum class TlsAuthClients : uint8_t { kNo, kYes, kOptional };
inline constexpr ChoiceName kTlsAuthClientsNames[] = {Named("no", TlsAuthClients::kNo),
                                                      Named("yes", TlsAuthClients::kYes),
                                                      Named("optional", TlsAuthClients::kOptional)};

// "yes" and "relative" are one value, printed by the first of its names.
enum class OomScoreAdj : uint8_t { kNo, kRelative, kAbsolute };
inline constexpr ChoiceName kOomScoreAdjNames[] = {
    Named("no", OomScoreAdj::kNo), Named("yes", OomScoreAdj::kRelative),
    Named("relative", OomScoreAdj::kRelative), Named("absolute", OomScoreAdj::kAbsolute)};

enum class PubsubDefault : uint8_t { kResetChannels, kAllChannels };
inline constexpr ChoiceName kPubsubDefaultNames[] = {
    Named("allchannels", PubsubDefault::kAllChannels),
    Named("resetchannels", PubsubDefault::kResetChannels)};

enum class SanitizeDump : uint8_t { kNo, kYes, kClients };
inline constexpr ChoiceName kSanitizeDumpNames[] = {Named("no", SanitizeDump::kNo),
                                                    Named("yes", SanitizeDump::kYes),
                                                    Named("clients", SanitizeDump::kClients)};

enum class ProtectedAction : uint8_t { kNo, kYes, kLocal };
inline constexpr ChoiceName kProtectedActionNames[] = {Named("no", ProtectedAction::kNo),
                                                       Named("yes", ProtectedAction::kYes),
                                                       Named("local", ProtectedAction::kLocal)};

inline constexpr ChoiceName kCoordinatorNames[] = {Named("embedded", CoordinatorKind::kEmbedded),
                                                   Named("etcd", CoordinatorKind::kEtcd)};

using cluster::EndpointType;
inline constexpr ChoiceName kEndpointTypeNames[] = {
    Named("ip", EndpointType::kIp), Named("hostname", EndpointType::kHostname),
    Named("unknown-endpoint", EndpointType::kUnknown)};

enum class PropagationError : uint8_t { kIgnore, kPanic, kPanicOnReplicas };
inline constexpr ChoiceName kPropagationErrorNames[] = {
    Named("ignore", PropagationError::kIgnore), Named("panic", PropagationError::kPanic),
    Named("panic-on-replicas", PropagationError::kPanicOnReplicas)};

// Bits of shutdown-on-sigint and shutdown-on-sigterm.
enum ShutdownSignal : uint8_t {
  kShutdownSave = 1,
  kShutdownNoSave = 2,
  kShutdownNow = 4,
  kShutdownForce = 8,
};
inline constexpr ChoiceName kShutdownSignalsNames[] = {{"default", 0},
                                                       Named("save", kShutdownSave),
                                                       Named("nosave", kShutdownNoSave),
                                                       Named("now", kShutdownNow),
                                                       Named("force", kShutdownForce)};

}  // namespace henge::server
