// SPDX-License-Identifier: Apache-2.0
// Handlers of LATENCY: what the latency monitor saw, and how commands' latencies are distributed.
#pragma once

namespace henge::commands {

struct CommandContext;
class ArgReader;

void LatencyLatest(CommandContext& ctx, ArgReader& args);
void LatencyHistory(CommandContext& ctx, ArgReader& args);
void LatencyResetEvents(CommandContext& ctx, ArgReader& args);
void LatencyGraph(CommandContext& ctx, ArgReader& args);
void LatencyDoctor(CommandContext& ctx, ArgReader& args);
void LatencyHistogramOf(CommandContext& ctx, ArgReader& args);
void LatencyHelp(CommandContext& ctx, ArgReader& args);

}  // namespace henge::commands
