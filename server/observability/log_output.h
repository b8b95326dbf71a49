// SPDX-License-Identifier: Apache-2.0
// Where the process's log goes: a file or the standard output, and the system's log beside it.
//
// Lines are formatted by the caller, queued, and written by a thread of their own, so that a slow
// disk stops no worker. The queue is bounded: when it is full its oldest lines are dropped and
// counted. A file that was moved away or removed (logrotate) is opened anew before the next line;
// no signal is needed.
//
// There is one log per process. StartLogging is called once, by main, after any fork; the rest may
// be called by any thread.
#pragma once

#include <absl/status/status.h>
#include <syslog.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/log.h"
#include "server/observability/log_text.h"

namespace henge::server {

struct LogOptions {
  LogLevel level = LogLevel::kNotice;
  LogFormat format = LogFormat::kText;
  std::string file;  // Empty: the standard output.
  bool syslog = false;
  std::string syslog_ident = "redis";
  int syslog_facility = LOG_LOCAL0;
};

absl::Status StartLogging(const LogOptions& options);

// An error leaves the log where it was.
absl::Status SetLogFile(std::string_view path);
void SetLogFormat(LogFormat format);
// The letter after the process's number: M for a primary, S for a replica.
void SetLogRole(char role);

// Returns when all that was logged before is written, or after a second: before the process ends.
void FlushLog();

// Lines given up because the queue was full or writing failed.
uint64_t DroppedLogLines();

// The descriptor lines are written to now, for a crash's report.
int LogDescriptor();

}  // namespace henge::server
