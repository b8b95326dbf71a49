// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <atomic>
#include <cstdio>

namespace henge {
namespace {

std::atomic<LogSink*> log_sink{nullptr};
std::atomic<LogLevel> log_level{LogLevel::kNotice};

}  // namespace

void SetLogSink(LogSink* sink) { log_sink.store(sink, std::memory_order_release); }

void SetLogLevel(LogLevel level) { log_level.store(level, std::memory_order_relaxed); }

bool LogEnabled(LogLevel level) { return level >= log_level.load(std::memory_order_relaxed); }

void Log(LogLevel level, std::string_view message, std::span<const LogField> fields) {
  if (!LogEnabled(level)) return;
  if (LogSink* sink = log_sink.load(std::memory_order_acquire)) {
    sink->Write(level, message, fields);
  } else if (level >= LogLevel::kWarning) {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(message.size()), message.data());
  }
}

}  // namespace henge
