// SPDX-License-Identifier: Apache-2.0
#include "server/observability/log_output.h"

#include <absl/strings/str_cat.h>
#include <fcntl.h>
#include <signal.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "base/strings.h"

namespace henge::server {
namespace {

constexpr size_t kQueueLines = 1024;  // About 450 bytes each, from the start on.
constexpr mode_t kFileMode = 0644;
constexpr std::chrono::milliseconds kFlushPoll{5};
constexpr std::chrono::seconds kFlushLimit{1};

struct LevelNames {
  spdlog::level::level_enum level;
  char mark;  // In the text format.
  std::string_view name;
  int syslog;
};
constexpr std::array kLevels = {
    LevelNames{spdlog::level::trace, '.', "debug", LOG_DEBUG},
    LevelNames{spdlog::level::debug, '-', "verbose", LOG_INFO},
    LevelNames{spdlog::level::info, '*', "notice", LOG_NOTICE},
    LevelNames{spdlog::level::warn, '#', "warning", LOG_WARNING},
    LevelNames{spdlog::level::err, '#', "error", LOG_ERR},
};
const LevelNames& Names(spdlog::level::level_enum level) {
  return kLevels[static_cast<size_t>(level)];
}

// A flag of spdlog's patterns that writes what `Text(message)` gives.
template <auto Text>
class LineFlag final : public spdlog::custom_flag_formatter {
 public:
  void format(const spdlog::details::log_msg& msg, const std::tm&,
              spdlog::memory_buf_t& out) override {
    const std::string_view text = Text(msg);
    out.append(text.data(), text.data() + text.size());
  }
  std::unique_ptr<custom_flag_formatter> clone() const override {
    return std::make_unique<LineFlag>();
  }
};

std::atomic<char> log_role{'M'};

std::string_view RoleOf(const spdlog::details::log_msg&) {
  static constexpr std::string_view kPrimary = "M";
  static constexpr std::string_view kReplica = "S";
  return log_role.load(std::memory_order_relaxed) == 'S' ? kReplica : kPrimary;
}
std::string_view MarkOf(const spdlog::details::log_msg& msg) { return {&Names(msg.level).mark, 1}; }
std::string_view NameOf(const spdlog::details::log_msg& msg) { return Names(msg.level).name; }

std::unique_ptr<spdlog::formatter> MakeFormatter(LogFormat format) {
  auto formatter = std::make_unique<spdlog::pattern_formatter>();
  formatter->add_flag<LineFlag<RoleOf>>('R');
  formatter->add_flag<LineFlag<MarkOf>>('K');
  formatter->add_flag<LineFlag<NameOf>>('N');
  formatter->set_pattern(format == LogFormat::kText
                             ? "%P:%R %d %b %Y %H:%M:%S.%e %K %v"
                             : R"({"time":"%Y-%m-%dT%H:%M:%S.%f%z","level":"%N","pid":%P,%v})");
  return formatter;
}

bool WriteAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(fd, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return false;
    text.remove_prefix(static_cast<size_t>(n));
  }
  return true;
}

bool SameFile(int fd, const std::string& path) {
  struct stat opened{};
  struct stat named{};
  return fstat(fd, &opened) == 0 && stat(path.c_str(), &named) == 0 &&
         opened.st_ino == named.st_ino && opened.st_dev == named.st_dev;
}

// Written to by the log's thread; steered by any.
class Target final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  absl::Status Open(std::string_view path) {
    std::lock_guard lock(mutex_);
    if (path.empty()) {
      Use(STDOUT_FILENO, "");
      return absl::OkStatus();
    }
    const int fd = OpenFile(std::string(path));
    if (fd < 0) {
      return absl::UnavailableError(
          absl::StrCat("Can't open the log file ", Absl(path), ": ", std::strerror(errno)));
    }
    Use(fd, path);
    return absl::OkStatus();
  }
  void OpenSyslog(const std::string& ident, int facility) {
    std::lock_guard lock(mutex_);
    ident_ = ident;
    openlog(ident_.c_str(), LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
    syslog_ = true;
  }

  int descriptor() const { return fd_.load(std::memory_order_relaxed); }
  uint64_t failed() const { return failed_.load(std::memory_order_relaxed); }
  uint64_t taken() const { return taken_.load(std::memory_order_acquire); }

 private:
  static int OpenFile(const std::string& path) {
    return open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, kFileMode);
  }
  void Use(int fd, std::string_view path) {
    const int old = fd_.exchange(fd, std::memory_order_relaxed);
    if (!path_.empty()) close(old);
    path_ = path;
  }
  void Reopen() {
    if (path_.empty() || SameFile(descriptor(), path_)) return;
    if (const int fd = OpenFile(path_); fd >= 0) Use(fd, std::string(path_));
  }

  void sink_it_(const spdlog::details::log_msg& msg) override {
    Reopen();
    spdlog::memory_buf_t line;
    formatter_->format(msg, line);
    if (!WriteAll(descriptor(), {line.data(), line.size()})) {
      failed_.fetch_add(1, std::memory_order_relaxed);
    }
    if (syslog_) {
      ::syslog(Names(msg.level).syslog, "%.*s", static_cast<int>(msg.payload.size()),
               msg.payload.data());
    }
    taken_.fetch_add(1, std::memory_order_release);
  }
  void flush_() override {}

  std::atomic<int> fd_{STDOUT_FILENO};
  std::string path_;
  std::string ident_;  // syslog(3) keeps the pointer.
  bool syslog_ = false;
  std::atomic<uint64_t> failed_{0};
  std::atomic<uint64_t> taken_{0};
};

class ProcessLog final : public LogSink {
 public:
  ProcessLog()
      : pool_(std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1, BlockSignals)),
        target_(std::make_shared<Target>()),
        logger_(std::make_shared<spdlog::async_logger>(
            "henge", target_, pool_, spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_level(spdlog::level::trace);  // base/log.h has looked at the level before.
    SetFormat(LogFormat::kText);
  }

  void Write(LogLevel level, std::string_view message, std::span<const LogField> fields) override {
    const std::string payload = format_.load(std::memory_order_relaxed) == LogFormat::kText
                                    ? LogText(message, fields)
                                    : LogJson(message, fields);
    queued_.fetch_add(1, std::memory_order_relaxed);
    logger_->log(kLevels[static_cast<size_t>(level)].level,
                 spdlog::string_view_t(payload.data(), payload.size()));
  }

  void SetFormat(LogFormat format) {
    format_.store(format, std::memory_order_relaxed);
    target_->set_formatter(MakeFormatter(format));
  }
  void Flush() {
    const uint64_t wanted = queued_.load(std::memory_order_relaxed);
    const auto limit = std::chrono::steady_clock::now() + kFlushLimit;
    while (target_->taken() + pool_->overrun_counter() < wanted &&
           std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(kFlushPoll);
    }
  }
  uint64_t Dropped() { return pool_->overrun_counter() + target_->failed(); }
  Target& target() { return *target_; }

 private:
  static void BlockSignals() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
  }

  std::shared_ptr<spdlog::details::thread_pool> pool_;
  std::shared_ptr<Target> target_;
  std::shared_ptr<spdlog::async_logger> logger_;
  std::atomic<LogFormat> format_{LogFormat::kText};
  std::atomic<uint64_t> queued_{0};
};

// Made by StartLogging and never unmade: any thread may log until the process is gone.
std::atomic<ProcessLog*> process_log{nullptr};

ProcessLog* Current() { return process_log.load(std::memory_order_acquire); }

}  // namespace

absl::Status StartLogging(const LogOptions& options) {
  if (Current() == nullptr) process_log.store(new ProcessLog, std::memory_order_release);
  ProcessLog& log = *Current();
  SetLogLevel(options.level);
  log.SetFormat(options.format);
  if (options.syslog) log.target().OpenSyslog(options.syslog_ident, options.syslog_facility);
  if (absl::Status status = log.target().Open(options.file); !status.ok()) return status;
  SetLogSink(&log);
  return absl::OkStatus();
}

absl::Status SetLogFile(std::string_view path) {
  ProcessLog* log = Current();
  return log == nullptr ? absl::OkStatus() : log->target().Open(path);
}

void SetLogFormat(LogFormat format) {
  if (ProcessLog* log = Current()) log->SetFormat(format);
}

void SetLogRole(char role) { log_role.store(role, std::memory_order_relaxed); }

void FlushLog() {
  if (ProcessLog* log = Current()) log->Flush();
}

uint64_t DroppedLogLines() {
  ProcessLog* log = Current();
  return log == nullptr ? 0 : log->Dropped();
}

int LogDescriptor() {
  ProcessLog* log = Current();
  return log == nullptr ? STDERR_FILENO : log->target().descriptor();
}

}  // namespace henge::server
