// SPDX-License-Identifier: Apache-2.0
#include "server/config/parameter_rows.h"

namespace henge::server::rows {
namespace {

// A row is a line.
// clang-format off
constexpr Parameter kRows[] = {
    OneOf("loglevel", "log.level", At<&Settings::loglevel>, kLogLevelNames, "notice", 0, "How much is logged."),
    OneOf("log-format", "log.format", At<&Settings::log_format>, kLogFormatNames, "text", 0, "Henge's: text for people, json for machines."),
    String("logfile", "log.file", At<&Settings::logfile>, "", kImmutable, "File to log to; empty is the standard output."),
    Bool("syslog-enabled", "log.syslog-enabled", At<&Settings::syslog_enabled>, false, kImmutable, "Log to the system's log."),
    String("syslog-ident", "log.syslog-ident", At<&Settings::syslog_ident>, "redis", kImmutable, "Name in the system's log."),
    OneOf("syslog-facility", "log.syslog-facility", At<&Settings::syslog_facility>, kSyslogFacilityNames, "local0", kImmutable, "Facility in the system's log."),
    Bool("always-show-logo", "log.always-show-logo", At<&Settings::always_show_logo>, false, kImmutable | kCompatOnly, "Begin the log with a drawing; Henge has none."),
    Bool("hide-user-data-from-log", "log.hide-user-data", At<&Settings::hide_user_data_from_log>, true, kNotYet, "Valkey's: keep keys and values out of the log."),
    Int("metrics-port", "metrics.port", At<&Settings::metrics_port>, {0, 65535, 0}, kImmutable | kOwn, "Henge's: HTTP port for Prometheus; 0 listens on none."),
    String("metrics-bind", "metrics.bind", At<&Settings::metrics_bind>, "127.0.0.1", kImmutable | kOwn, "Henge's: address of that port."),
    Int("slowlog-log-slower-than", "metrics.slowlog-log-slower-than", At<&Settings::slowlog_log_slower_than>, {-1, kLongMax, 10000}, 0, "Microseconds from which a command is in the slow log; -1 never."),
    Int("slowlog-max-len", "metrics.slowlog-max-len", At<&Settings::slowlog_max_len>, {0, kLongMax, 128}, 0, "Entries of the slow log."),
    Int("latency-monitor-threshold", "metrics.latency-monitor-threshold", At<&Settings::latency_monitor_threshold>, {0, kLongMax, 0}, 0, "Milliseconds from which an event is a latency spike; 0 watches none."),
    Bool("latency-tracking", "metrics.latency-tracking", At<&Settings::latency_tracking>, true, 0, "Show the latency of each command in INFO latencystats."),
    Special("latency-tracking-info-percentiles", "metrics.latency-tracking-info-percentiles", At<&Settings::latency_tracking_info_percentiles>, ParameterType::kPercentiles, "50 99 99.9", kMultiArg, "Percentiles that INFO shows of it."),
};
// clang-format on

}  // namespace

std::span<const Parameter> Observability() { return kRows; }

}  // namespace henge::server::rows
