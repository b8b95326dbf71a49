// SPDX-License-Identifier: Apache-2.0
// BITFIELD and BITFIELD_RO: all operations are read and checked, then run one after another.
#include <algorithm>
#include <vector>

#include "base/strings.h"
#include "commands/bitmaps/bit_args.h"
#include "commands/bitmaps/bit_field.h"
#include "commands/bitmaps/handlers.h"
#include "commands/context.h"
#include "commands/strings/string_reply.h"

namespace henge::commands {
namespace {

constexpr std::string_view kInvalidType =
    "ERR Invalid bitfield type. Use something like i16 u8. Note that u64 is not supported but i64 "
    "is.";
constexpr std::string_view kInvalidOverflow = "ERR Invalid OVERFLOW type specified";
constexpr std::string_view kReadsOnly = "ERR BITFIELD_RO only supports the GET subcommand";

struct FieldOperation {
  enum class Kind : uint8_t { kGet, kSet, kIncrBy };
  Kind kind = Kind::kGet;
  Overflow overflow = Overflow::kWrap;
  FieldType type;
  uint64_t offset = 0;
  int64_t operand = 0;

  uint64_t end() const { return offset + type.bits; }
};

Overflow ReadOverflow(ArgReader& args) {
  if (args.Accept("wrap")) return Overflow::kWrap;
  if (args.Accept("sat")) return Overflow::kSaturate;
  if (args.Accept("fail")) return Overflow::kFail;
  args.Fail(kInvalidOverflow);
  return Overflow::kWrap;
}

FieldOperation::Kind ReadKind(ArgReader& args) {
  const size_t operands = args.empty() ? 0 : args.left() - 1;
  if (operands >= 2 && args.Accept("get")) return FieldOperation::Kind::kGet;
  if (operands >= 3 && args.Accept("set")) return FieldOperation::Kind::kSet;
  if (operands >= 3 && args.Accept("incrby")) return FieldOperation::Kind::kIncrBy;
  args.FailSyntax();
  return FieldOperation::Kind::kGet;
}

std::vector<FieldOperation> ReadOperations(CommandContext& ctx, ArgReader& args) {
  std::vector<FieldOperation> operations;
  Overflow overflow = Overflow::kWrap;
  while (args.ok() && !args.empty()) {
    if (args.left() >= 2 && args.Accept("overflow")) {
      overflow = ReadOverflow(args);
      continue;
    }
    FieldOperation op{.kind = ReadKind(args), .overflow = overflow};
    if (!args.ok()) break;
    const auto type = ParseFieldType(args.Next());
    if (!type) args.Fail(kInvalidType);
    op.type = type.value_or(FieldType{});
    op.offset = ReadBitOffset(ctx, args, op.type.bits);
    if (op.kind != FieldOperation::Kind::kGet) op.operand = args.Integer();
    operations.push_back(op);
  }
  return operations;
}

// Just past the highest bit that is written; 0 if none is.
uint64_t WriteEnd(const std::vector<FieldOperation>& operations) {
  uint64_t end = 0;
  for (const FieldOperation& op : operations) {
    if (op.kind != FieldOperation::Kind::kGet) end = std::max(end, op.end());
  }
  return end;
}

// Replies, and returns whether a field has another value now. `writable` is the bytes again, where
// there are operations that write.
bool Run(const FieldOperation& op, std::string_view bytes, char* writable,
         proto::ReplyWriter& reply) {
  const int64_t old = GetField(bytes, op.offset, op.type);
  if (op.kind == FieldOperation::Kind::kGet) {
    reply.Integer(old);
    return false;
  }
  const bool sets = op.kind == FieldOperation::Kind::kSet;
  const auto value = sets ? FitField(op.operand, op.type, op.overflow)
                          : AddToField(old, op.operand, op.type, op.overflow);
  if (!value) {
    reply.Null();
    return false;
  }
  SetField(writable, op.offset, op.type, *value);
  reply.Integer(sets ? old : *value);
  return *value != old;
}

void ReadFields(CommandContext& ctx, const store::Key& key,
                const std::vector<FieldOperation>& operations) {
  const store::Entry* entry = ctx.keyspace.Read(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const StringBytes text(entry);
  ctx.reply.Array(operations.size());
  for (const FieldOperation& op : operations) Run(op, text.view(), nullptr, ctx.reply);
}

void RunAll(CommandContext& ctx, ArgReader& args, bool may_write) {
  const store::Key key = args.Key();
  const std::vector<FieldOperation> operations = ReadOperations(ctx, args);
  if (!args.Done()) return ctx.reply.Error(args.error());
  const uint64_t end = WriteEnd(operations);
  if (end == 0) return ReadFields(ctx, key, operations);
  if (!may_write) return ctx.reply.Error(kReadsOnly);
  const store::Entry* entry = ctx.keyspace.Find(key);
  if (entry != nullptr && IsOtherType(ctx, entry)) return;
  const size_t size = std::max<size_t>((end + 7) / 8, entry == nullptr ? 0 : entry->StringSize());
  ctx.reply.Array(operations.size());
  // All the changes are one event, and no change is none.
  ctx.keyspace.EditString(key, size, store::events::kSetBit, [&](char* bytes) {
    bool changed = false;
    for (const FieldOperation& op : operations) changed |= Run(op, {bytes, size}, bytes, ctx.reply);
    return changed;
  });
}

}  // namespace

void BitField(CommandContext& ctx, ArgReader& args) { RunAll(ctx, args, true); }
void BitFieldRo(CommandContext& ctx, ArgReader& args) { RunAll(ctx, args, false); }

void RefineBitFieldKey(std::span<const std::string_view> argv, std::vector<KeyPosition>& found) {
  size_t i = 2;
  while (i < argv.size()) {
    const size_t values = EqualsIgnoreCase(argv[i], "GET")        ? 2
                          : EqualsIgnoreCase(argv[i], "OVERFLOW") ? 1
                                                                  : argv.size();
    i += values + 1;
  }
  const bool only_gets = i == argv.size();  // Else a SET, an INCRBY or an error.
  if (!found.empty()) found.back().flags = only_gets ? kRO | kAccess : kRW | kAccess | kUpdate;
}

}  // namespace henge::commands
