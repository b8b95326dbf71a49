// SPDX-License-Identifier: Apache-2.0
// henge-server: one node.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/log.h"
#include "base/memory.h"
#include "base/strings.h"
#include "base/version.h"
#include "commands/command_reference.h"
#include "persistence/aof/aof_check.h"
#include "persistence/file.h"
#include "persistence/rdb/rdb_check.h"
#include "server/apply_config.h"
#include "server/config/command_line.h"
#include "server/config/config.h"
#include "server/node.h"
#include "server/observability/crash_report.h"
#include "server/observability/health_check.h"
#include "server/observability/log_output.h"
#include "server/observability/metric_catalogue.h"

namespace {

using henge::server::CommandLine;
using henge::server::Config;

void Print(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stdout); }

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
  return 1;
}

// The file first, then the standard input, then the flags: the later one wins.
absl::Status Load(const CommandLine& line, Config& config) {
  if (line.file) {
    if (absl::Status status = config.LoadFile(*line.file); !status.ok()) return status;
  }
  if (line.from_stdin) {
    const std::string text(std::istreambuf_iterator<char>(std::cin), {});
    if (absl::Status status = config.LoadText(text, "standard input"); !status.ok()) return status;
  }
  return config.Load(line.directives);
}

// Detaches from the terminal; the parent ends. Before there are threads.
void Daemonize() {
  if (fork() != 0) _exit(0);
  setsid();
  const int null = open("/dev/null", O_RDWR);
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) dup2(null, fd);
  if (null > STDERR_FILENO) close(null);
}

class PidFile {
 public:
  explicit PidFile(std::string path) : path_(std::move(path)) {
    if (!path_.empty()) std::ofstream(path_) << getpid() << '\n';
  }
  ~PidFile() {
    if (!path_.empty()) unlink(path_.c_str());
  }
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;

 private:
  std::string path_;
};

absl::Status StartLog(const henge::server::Settings& settings,
                      const std::optional<std::string>& file, const char* program) {
  const absl::Status status = henge::server::StartLogging(henge::server::LogOptionsFrom(settings));
  if (!status.ok()) return status;
  if (settings.crash_log_enabled.load()) henge::server::InstallCrashReport(program);
  henge::LogNotice("Henge is starting",
                   {{"version", henge::kHengeVersion}, {"redis", henge::kRedisVersion}});
  if (file) {
    henge::LogNotice("Configuration loaded", {{"file", *file}});
  } else {
    henge::LogNotice("No configuration file given, the defaults and the flags are used");
  }
  return absl::OkStatus();
}

int Serve(std::unique_ptr<Config> config, const std::optional<std::string>& file,
          const char* program) {
  const henge::server::Settings& settings = config->settings();
  const bool daemonize = settings.daemonize.load();
  std::string pid_file = settings.pidfile.load();
  if (daemonize && pid_file.empty()) pid_file = "/var/run/redis.pid";
  if (chdir(settings.dir.load().c_str()) != 0) {
    return Fail(absl::UnavailableError("Can't chdir to " + settings.dir.load()));
  }
  if (daemonize) Daemonize();
  const PidFile pid(std::move(pid_file));

  // Signals are taken by one thread alone; the others inherit the block.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);  // A file's limit is an error of who writes, as a full disk is.

  if (const absl::Status status = StartLog(settings, file, program); !status.ok()) {
    return Fail(status);
  }
  const henge::ThreadMemory memory;
  auto node = std::make_unique<henge::server::Node>(std::move(config));
  if (const absl::Status status = node->Start(); !status.ok()) {
    henge::LogError("Can't start", {{"error", henge::Std(status.message())}});
    return Fail(status);
  }
  std::atomic<bool> ending{false};
  std::thread waiter([&] {
    for (int caught = 0; sigwait(&signals, &caught) == 0 && !ending.load();) {
      const bool interrupted = caught == SIGINT;
      const auto& wishes = interrupted ? settings.shutdown_on_sigint : settings.shutdown_on_sigterm;
      const bool first =
          node->shutdown().Request({.reason = interrupted ? "Received SIGINT" : "Received SIGTERM",
                                    .wishes = wishes.load(),
                                    .by_signal = true});
      if (!first && interrupted) node->shutdown().Insist();
    }
  });
  const int code = node->shutdown().Wait();
  ending.store(true);
  pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  node.reset();
  // The reason for another end is the log's last line.
  if (code == 0) henge::LogWarning("Henge is now ready to exit, bye bye...");
  return code;
}

int CheckSnapshot(const CommandLine& line) {
  if (!line.file) return Fail(absl::InvalidArgumentError("--check-rdb wants a file"));
  const auto file = henge::persistence::PosixFileSystem().Read(*line.file);
  if (!file.ok()) return Fail(file.status());
  henge::persistence::RdbSummary summary;
  const absl::Status status = henge::persistence::CheckRdb((*file)->bytes(), summary);
  Print(henge::persistence::Print(summary));
  if (!status.ok()) return Fail(status);
  Print("The file is sound.\n");
  return 0;
}

int CheckAppendOnlyFile(const CommandLine& line) {
  const auto check_rdb = [](std::string_view content) -> absl::StatusOr<uint64_t> {
    henge::persistence::RdbSummary summary;
    if (absl::Status status = henge::persistence::CheckRdb(content, summary); !status.ok()) {
      return status;
    }
    return summary.bytes;
  };
  return henge::persistence::CheckAof(
      line.words, {henge::persistence::PosixFileSystem(), check_rdb, std::cin, std::cout});
}

int CheckHealth(const henge::server::Settings& settings) {
  const absl::Status status =
      henge::server::CheckHealth(henge::server::HealthQuestionFrom(settings));
  if (!status.ok()) return Fail(status);
  Print("healthy\n");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> args(argv + 1, argv + argc);
  const absl::StatusOr<CommandLine> line = henge::server::ParseCommandLine(args);
  if (!line.ok()) return Fail(line.status());
  switch (line->mode) {
    case CommandLine::Mode::kHelp:
      Print(henge::server::HelpText());
      return 0;
    case CommandLine::Mode::kVersion:
      std::printf("Henge server v=%s redis=%s bits=%zu\n",
                  std::string(henge::kHengeVersion).c_str(),
                  std::string(henge::kRedisVersion).c_str(), sizeof(void*) * 8);
      return 0;
    case CommandLine::Mode::kConfigReference:
      Print(henge::server::ConfigReference());
      return 0;
    case CommandLine::Mode::kCommandReference:
      Print(henge::commands::CommandReference(henge::commands::CommandTable::Get().all()));
      return 0;
    case CommandLine::Mode::kMetricsReference:
      Print(henge::server::MetricsReference());
      return 0;
    case CommandLine::Mode::kCheckRdb:
      return CheckSnapshot(*line);
    case CommandLine::Mode::kCheckAof:
      return CheckAppendOnlyFile(*line);
    default:
      break;
  }
  auto config = std::make_unique<Config>();
  if (const absl::Status status = Load(*line, *config); !status.ok()) return Fail(status);
  if (line->mode == CommandLine::Mode::kCheckConfig) {
    Print("The configuration is sound.\n");
    return 0;
  }
  if (line->mode == CommandLine::Mode::kHealthCheck) return CheckHealth(config->settings());
  const int code = Serve(std::move(config), line->file, argv[0]);
  henge::server::FlushLog();
  return code;
}
