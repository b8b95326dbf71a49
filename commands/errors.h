// SPDX-License-Identifier: Apache-2.0
// The wire texts of errors, Redis's own, in one place. Code first, no dash.
#pragma once

#include <string>
#include <string_view>

namespace henge::commands {
class ArgReader;
}

namespace henge::commands::errors {

inline constexpr std::string_view kSyntax = "ERR syntax error";
inline constexpr std::string_view kWrongType =
    "WRONGTYPE Operation against a key holding the wrong kind of value";
inline constexpr std::string_view kNotInteger = "ERR value is not an integer or out of range";
inline constexpr std::string_view kNotInt32 =
    "ERR value is out of range, value must between -2147483648 and 2147483647";
inline constexpr std::string_view kNotFloat = "ERR value is not a valid float";
inline constexpr std::string_view kNoSuchKey = "ERR no such key";
inline constexpr std::string_view kOverflow = "ERR increment or decrement would overflow";
inline constexpr std::string_view kNanOrInfinity = "ERR increment would produce NaN or Infinity";
inline constexpr std::string_view kOffsetOutOfRange = "ERR offset is out of range";
inline constexpr std::string_view kBitNotInteger = "ERR bit is not an integer or out of range";
inline constexpr std::string_view kBitOffset = "ERR bit offset is not an integer or out of range";
inline constexpr std::string_view kStringTooLong =
    "ERR string exceeds maximum allowed size (proto-max-bulk-len)";
inline constexpr std::string_view kIndexOutOfRange = "ERR index out of range";
inline constexpr std::string_view kDbIndexOutOfRange = "ERR DB index is out of range";
inline constexpr std::string_view kInvalidDbIndex = "ERR invalid DB index";
inline constexpr std::string_view kSameObject = "ERR source and destination objects are the same";
inline constexpr std::string_view kOutOfMemory =
    "OOM command not allowed when used memory > 'maxmemory'.";
inline constexpr std::string_view kNoAuth = "NOAUTH Authentication required.";
inline constexpr std::string_view kWrongPass =
    "WRONGPASS invalid username-password pair or user is disabled.";
inline constexpr std::string_view kReadOnly =
    "READONLY You can't write against a read only replica.";
inline constexpr std::string_view kReadOnlyReplica =
    "READONLY You can't write against a read only replica.";
inline constexpr std::string_view kMasterDown =
    "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.";
inline constexpr std::string_view kReplicaOnKeyspace =
    "ERR Replica can't interact with the keyspace";
inline constexpr std::string_view kLoading = "LOADING Redis is loading the dataset in memory";
inline constexpr std::string_view kExecAbort =
    "EXECABORT Transaction discarded because of previous errors.";
inline constexpr std::string_view kCrossSlot =
    "CROSSSLOT Keys in request don't hash to the same slot";
inline constexpr std::string_view kTryAgain =
    "TRYAGAIN Multiple keys request during rehashing of slot";
inline constexpr std::string_view kClusterDown = "CLUSTERDOWN The cluster is down";
inline constexpr std::string_view kClusterDownForWrites =
    "CLUSTERDOWN The cluster is down and only accepts read commands";
// Without shards: a leader that is cut off. Redis's code for who may not write for want of
// replicas.
inline constexpr std::string_view kNoLease =
    "NOREPLICAS This leader has lost touch with the majority of its group: no writes are accepted";
inline constexpr std::string_view kClusterUnassigned = "CLUSTERDOWN Hash slot not served";
inline constexpr std::string_view kClusterDisabled =
    "ERR This instance has cluster support disabled";
inline constexpr std::string_view kNotPositive = "ERR value is out of range, must be positive";
inline constexpr std::string_view kUnblocked = "UNBLOCKED client unblocked via CLIENT UNBLOCK";
inline constexpr std::string_view kWaitAofWithoutFile =
    "ERR WAITAOF cannot be used when numlocal is set but appendonly is disabled.";
inline constexpr std::string_view kUnblockedByRole =
    "UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)";
inline constexpr std::string_view kNotHyperLogLog =
    "WRONGTYPE Key is not a valid HyperLogLog string value.";
inline constexpr std::string_view kDamagedHyperLogLog = "INVALIDOBJ Corrupted HLL object detected";
inline constexpr std::string_view kBusyKey = "BUSYKEY Target key name already exists.";
inline constexpr std::string_view kDumpSeal = "ERR DUMP payload version or checksum are wrong";
inline constexpr std::string_view kDumpFormat = "ERR Bad data format";
inline constexpr std::string_view kCannotSave =
    "MISCONF Redis is configured to save RDB snapshots, but it's currently unable to persist to "
    "disk. Commands that may modify the data set are disabled, because this instance is configured "
    "to report errors during writes if RDB snapshotting fails (stop-writes-on-bgsave-error "
    "option). "
    "Please check the Redis logs for details about the RDB error.";
inline constexpr std::string_view kTooFewReplicas = "NOREPLICAS Not enough good replicas to write.";
inline constexpr std::string_view kNoMultiInExec = "ERR EXEC without MULTI";

// "EXECABORT Transaction discarded because of: " and the refusal, without its "ERR ".
std::string ExecAbort(std::string_view refusal);
// "ERR Can't execute 'get': only (P|S)SUBSCRIBE / … are allowed in this context"
std::string NotWhileSubscribed(std::string_view full_name);
// "ERR invalid expire time in 'set' command"
std::string InvalidExpire(std::string_view command);
// "ERR wrong number of arguments for 'get' command"; subcommands as 'client|list'.
std::string WrongArity(std::string_view full_name);
// "ERR unknown command 'FOO', with args beginning with: 'a' 'b' "
std::string UnknownCommand(std::string_view name, const ArgReader& args);
// "ERR unknown subcommand 'FOO'. Try CLIENT HELP."
std::string UnknownSubcommand(std::string_view subcommand, std::string_view container);
// "ERR unknown subcommand or wrong number of arguments for 'foo'. Try CLIENT HELP."
std::string SubcommandSyntax(std::string_view subcommand, std::string_view container);

}  // namespace henge::commands::errors
