// SPDX-License-Identifier: Apache-2.0
#include "server/observability/crash_report.h"

#include <absl/debugging/symbolize.h>
#include <execinfo.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <ctime>
#include <string_view>
#include <utility>

#include "base/version.h"
#include "server/observability/log_output.h"

namespace henge::server {
namespace {

constexpr std::array kSignals = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kMaxFrames = 64;
constexpr size_t kMaxLine = 512;
constexpr size_t kMaxSymbol = 256;
constexpr size_t kAlternateStackBytes = 64 * 1024;

std::atomic<bool> reporting{false};
alignas(16) std::array<std::byte, kAlternateStackBytes> alternate_stack;

// Only what is safe in a signal handler from here on: no allocation, no lock. (backtrace() is, once
// it has been called before and its library is loaded.)

template <class... Args>
void WriteLine(fmt::format_string<Args...> format, Args&&... args) {
  std::array<char, kMaxLine> line;
  const auto end =
      fmt::format_to_n(line.data(), line.size() - 1, format, std::forward<Args>(args)...).out;
  *end = '\n';
  const auto length = static_cast<size_t>(end - line.data()) + 1;
  [[maybe_unused]] const ssize_t written = write(LogDescriptor(), line.data(), length);
}

void WriteStack() {
  std::array<void*, kMaxFrames> frames;
  const int depth = backtrace(frames.data(), kMaxFrames);
  for (int i = 0; i < depth; ++i) {
    void* const frame = frames[static_cast<size_t>(i)];
    std::array<char, kMaxSymbol> symbol;
    const bool known = absl::Symbolize(frame, symbol.data(), static_cast<int>(symbol.size()));
    WriteLine("  {} {}", fmt::ptr(frame), known ? std::string_view(symbol.data()) : "?");
  }
}

void OnCrash(int signal, siginfo_t* info, void*) {
  if (!reporting.exchange(true)) {
    WriteLine("\n=== HENGE BUG REPORT START: please send all of it ===");
    WriteLine("{}:M # Henge {} crashed by signal: {}, si_code: {}, unix time: {}", getpid(),
              kHengeVersion, signal, info->si_code, time(nullptr));
    if (info->si_code > 0) {
      WriteLine("{}:M # Accessing address: {}", getpid(), fmt::ptr(info->si_addr));
    } else {
      WriteLine("{}:M # Killed by PID: {}, UID: {}", getpid(), info->si_pid, info->si_uid);
    }
    WriteLine("------ STACK TRACE ------");
    WriteStack();
    WriteLine("=== HENGE BUG REPORT END ===");
  }
  ::signal(signal, SIG_DFL);
  raise(signal);
}

}  // namespace

void InstallCrashReport(const char* program) {
  absl::InitializeSymbolizer(program);
  void* frame = nullptr;
  backtrace(&frame, 1);  // Loads what it needs.
  stack_t stack{};
  stack.ss_sp = alternate_stack.data();
  stack.ss_size = alternate_stack.size();
  sigaltstack(&stack, nullptr);
  for (const int number : kSignals) {
    struct sigaction action{};
    action.sa_sigaction = OnCrash;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER;
    sigemptyset(&action.sa_mask);
    sigaction(number, &action, nullptr);
  }
}

}  // namespace henge::server
