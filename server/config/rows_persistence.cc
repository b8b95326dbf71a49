// SPDX-License-Identifier: Apache-2.0
#include "server/config/parameter_rows.h"

namespace henge::server::rows {
namespace {

// A row is a line.
// clang-format off
constexpr Parameter kRows[] = {
    Special("save", "persistence.save", At<&Settings::save>, ParameterType::kSavePoints, "3600 1 300 100 60 10000", kMultiArg, "Snapshot after so many seconds with so many changes."),
    String("dbfilename", "persistence.dbfilename", At<&Settings::dbfilename>, "dump.rdb", kProtected, "Name of the snapshot file."),
    Bool("rdbcompression", "persistence.rdbcompression", At<&Settings::rdbcompression>, true, 0, "Compress strings in snapshots and in what DUMP gives."),
    Int("rdb-version", "persistence.rdb-version", At<&Settings::rdb_version>, {9, 12, 11}, 0, "Version of RDB to write: 11 is Redis 7.2's, 10 is 7.0's, 9 is 5.0's and 6's."),
    Bool("rdbchecksum", "persistence.rdbchecksum", At<&Settings::rdbchecksum>, true, kImmutable, "End snapshots with a checksum."),
    Bool("rdb-del-sync-files", "persistence.rdb-del-sync-files", At<&Settings::rdb_del_sync_files>, false, kNotYet, "Delete snapshots that only served replication."),
    Bool("rdb-save-incremental-fsync", "persistence.rdb-save-incremental-fsync", At<&Settings::rdb_save_incremental_fsync>, true, 0, "Sync a snapshot to disk in steps."),
    Bool("stop-writes-on-bgsave-error", "persistence.stop-writes-on-bgsave-error", At<&Settings::stop_writes_on_bgsave_error>, true, 0, "Refuse writes after a snapshot failed."),
    OneOf("sanitize-dump-payload", "persistence.sanitize-dump-payload", At<&Settings::sanitize_dump_payload>, kSanitizeDumpNames, "no", kCompatOnly, "Check foreign data in depth when loading it: Henge always does."),
    Bool("appendonly", "persistence.appendonly", At<&Settings::appendonly>, false, kDenyLoading, "Log every write to the append-only file."),
    String("appendfilename", "persistence.appendfilename", At<&Settings::appendfilename>, "appendonly.aof", kImmutable, "Base name of the append-only files."),
    String("appenddirname", "persistence.appenddirname", At<&Settings::appenddirname>, "appendonlydir", kImmutable, "Directory of the append-only files."),
    OneOf("appendfsync", "persistence.appendfsync", At<&Settings::appendfsync>, kAppendFsyncNames, "everysec", 0, "When the log is synced to disk."),
    Bool("no-appendfsync-on-rewrite", "persistence.no-appendfsync-on-rewrite", At<&Settings::no_appendfsync_on_rewrite>, false, 0, "Don't sync the log while a snapshot is written."),
    Int("auto-aof-rewrite-percentage", "persistence.auto-aof-rewrite-percentage", At<&Settings::auto_aof_rewrite_percentage>, {0, kIntMax, 100}, 0, "Growth of the log at which it is rewritten, in percent; 0 never."),
    Size("auto-aof-rewrite-min-size", "persistence.auto-aof-rewrite-min-size", At<&Settings::auto_aof_rewrite_min_size>, {0, kLongMax, 64 * kMb}, 0, "Bytes below which the log is not rewritten."),
    Bool("aof-load-truncated", "persistence.aof-load-truncated", At<&Settings::aof_load_truncated>, true, 0, "Start with a log whose end is torn."),
    Bool("aof-use-rdb-preamble", "persistence.aof-use-rdb-preamble", At<&Settings::aof_use_rdb_preamble>, true, 0, "A rewritten log begins with a snapshot."),
    Bool("aof-timestamp-enabled", "persistence.aof-timestamp-enabled", At<&Settings::aof_timestamp_enabled>, false, 0, "Note the time in the log."),
    Bool("aof-rewrite-incremental-fsync", "persistence.aof-rewrite-incremental-fsync", At<&Settings::aof_rewrite_incremental_fsync>, true, 0, "Sync a rewritten log to disk in steps."),
    Bool("aof-disable-auto-gc", "persistence.aof-disable-auto-gc", At<&Settings::aof_disable_auto_gc>, false, kHidden, "Keep the files a rewrite has replaced."),
    Int("rdb-key-save-delay", "persistence.rdb-key-save-delay", At<&Settings::rdb_key_save_delay>, {kIntMin, kIntMax, 0}, kHidden, "Microseconds to wait for each key saved, for tests."),
    Int("key-load-delay", "persistence.key-load-delay", At<&Settings::key_load_delay>, {kIntMin, kIntMax, 0}, kHidden, "Microseconds to wait for each key loaded, for tests."),
    Int("loading-process-events-interval-bytes", "persistence.loading-process-events-interval-bytes", At<&Settings::loading_process_events_interval_bytes>, {1024, kIntMax, 2 * kMb}, kHidden | kCompatOnly, "Bytes loaded between looks at the network."),
};
// clang-format on

}  // namespace

std::span<const Parameter> Persistence() { return kRows; }

}  // namespace henge::server::rows
