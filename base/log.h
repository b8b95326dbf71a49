// SPDX-License-Identifier: Apache-2.0
// The log, as every floor sees it: a level, a message for people, and facts beside it.
//
//     LogNotice("client closed for its output buffer", {{"addr", address}, {"bytes", held}});
//
// Any thread. Where lines go is server/'s business (LogSink); a call formats and queues, it waits
// for no disk. Until a sink is set, warnings and errors go to the standard error, the rest nowhere.
#pragma once

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <variant>

namespace henge {

// Redis's levels. kError is for what ends the server; kNothing is a threshold only.
enum class LogLevel : uint8_t { kDebug, kVerbose, kNotice, kWarning, kError, kNothing };

// "port=6379". Refers to its texts; lives as long as the call.
struct LogField {
  using Value = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

  LogField(std::string_view field, std::string_view text) : name(field), value(text) {}
  LogField(std::string_view field, const char* text) : name(field), value(std::string_view(text)) {}
  LogField(std::string_view field, bool truth) : name(field), value(truth) {}
  LogField(std::string_view field, std::floating_point auto number)
      : name(field), value(static_cast<double>(number)) {}
  LogField(std::string_view field, std::signed_integral auto number)
      : name(field), value(static_cast<int64_t>(number)) {}
  LogField(std::string_view field, std::unsigned_integral auto number)
      : name(field), value(static_cast<uint64_t>(number)) {}

  std::string_view name;
  Value value;
};

class LogSink {
 public:
  virtual ~LogSink() = default;
  // Any thread; must not block for long, and must not log.
  virtual void Write(LogLevel level, std::string_view message,
                     std::span<const LogField> fields) = 0;
};

// The sink is used until the process ends or another is set; null: none.
void SetLogSink(LogSink* sink);

// What is below the level is not logged.
void SetLogLevel(LogLevel level);
bool LogEnabled(LogLevel level);

void Log(LogLevel level, std::string_view message, std::span<const LogField> fields);

using LogFields = std::initializer_list<LogField>;
inline void LogDebug(std::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kDebug)) Log(LogLevel::kDebug, message, {fields.begin(), fields.end()});
}
inline void LogVerbose(std::string_view message, LogFields fields = {}) {
  if (LogEnabled(LogLevel::kVerbose))
    Log(LogLevel::kVerbose, message, {fields.begin(), fields.end()});
}
inline void LogNotice(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kNotice, message, {fields.begin(), fields.end()});
}
inline void LogWarning(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kWarning, message, {fields.begin(), fields.end()});
}
inline void LogError(std::string_view message, LogFields fields = {}) {
  Log(LogLevel::kError, message, {fields.begin(), fields.end()});
}

}  // namespace henge
