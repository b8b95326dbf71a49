// SPDX-License-Identifier: Apache-2.0
// PFDEBUG and PFSELFTEST.
#include <optional>
#include <string>

#include "base/random.h"
#include "base/strings.h"
#include "commands/context.h"
#include "commands/hyperloglog/handlers.h"
#include "commands/hyperloglog/self_check.h"
#include "commands/hyperloglog/sketch.h"
#include "commands/hyperloglog/value.h"

namespace henge::commands {
namespace {

bool IsSparse(const store::Entry* entry) {
  return hll::FormOf(entry->bytes()) == hll::Form::kSparse;
}

// Makes a sparse value dense. False when it has replied an error.
bool MakeDense(CommandContext& ctx, const store::Key& key, const store::Entry* entry) {
  if (!IsSparse(entry)) return true;
  const auto dense = hll::DenseFromSparse(entry->bytes());
  if (!dense) {
    ReplyDamaged(ctx);
    return false;
  }
  KeepHyperLogLog(ctx, key, *dense, store::events::kUntold);
  return true;
}

void ReplyRegisters(CommandContext& ctx, const store::Key& key, const store::Entry* entry) {
  if (!MakeDense(ctx, key, entry)) return;
  const uint8_t* registers = hll::RegisterBytes(ctx.keyspace.Peek(key)->bytes());
  ctx.reply.Array(hll::kRegisters);
  for (uint32_t i = 0; i < hll::kRegisters; ++i) {
    ctx.reply.Integer(hll::DenseRank(registers, i));
  }
}

void AppendRun(const hll::Run& run, std::string& text) {
  if (!text.empty()) text += ' ';
  const std::string length = std::to_string(run.registers);
  switch (run.kind) {
    case hll::Run::Kind::kZero:
      text += "z:" + length;
      break;
    case hll::Run::Kind::kLongZero:
      text += "Z:" + length;
      break;
    case hll::Run::Kind::kRank:
      text += "v:" + std::to_string(run.rank) + "," + length;
      break;
  }
}

// As "Z:16384" or "v:1,2 z:3 …": the runs as they stand, whether or not they cover the registers.
void ReplyRuns(CommandContext& ctx, const store::Entry* entry) {
  if (!IsSparse(entry)) return ctx.reply.Error("ERR HLL encoding is not sparse");
  std::string bytes(entry->bytes().substr(hll::kHeaderSize));
  const size_t size = bytes.size();
  bytes += '\0';  // Redis shows a run that is cut off as if a zero followed.
  std::string text;
  for (size_t at = 0; at < size;) {
    const hll::Run run = *hll::FirstRun(std::string_view(bytes).substr(at));
    AppendRun(run, text);
    at += run.bytes;
  }
  ctx.reply.Bulk(text);
}

}  // namespace

void PfDebug(CommandContext& ctx, ArgReader& args) {
  const std::string_view subcommand = args.Next();
  const store::Key key = args.Key();
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry == nullptr) return ctx.reply.Error("ERR The specified key does not exist");
  if (IsNoHyperLogLog(ctx, entry)) return;
  if (EqualsIgnoreCase(subcommand, "getreg")) return ReplyRegisters(ctx, key, entry);
  if (EqualsIgnoreCase(subcommand, "decode")) return ReplyRuns(ctx, entry);
  if (EqualsIgnoreCase(subcommand, "encoding")) {
    return ctx.reply.Simple(IsSparse(entry) ? "sparse" : "dense");
  }
  if (EqualsIgnoreCase(subcommand, "todense")) {
    const bool sparse = IsSparse(entry);
    if (MakeDense(ctx, key, entry)) ctx.reply.Integer(sparse ? 1 : 0);
    return;
  }
  ctx.reply.Error("ERR Unknown PFDEBUG subcommand '" + std::string(subcommand) + "'");
}

void PfSelfTest(CommandContext& ctx, ArgReader&) {
  const auto sparse_max = static_cast<size_t>(ctx.services.settings().hll_sparse_max_bytes.load());
  const std::string error = hll::SelfCheck(ThreadRandom(), sparse_max);
  error.empty() ? ctx.reply.Ok() : ctx.reply.Error(error);
}

}  // namespace henge::commands
