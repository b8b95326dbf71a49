// SPDX-License-Identifier: Apache-2.0
// What is written when the process dies of a signal: which, where, and the stack of the thread that
// caught it. Goes to the log's file; then the signal has its ordinary effect (a core dump).
#pragma once

namespace henge::server {

// Once, by main, after StartLogging. `program` is argv[0], for the names of functions.
void InstallCrashReport(const char* program);

}  // namespace henge::server
