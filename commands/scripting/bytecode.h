// SPDX-License-Identifier: Apache-2.0
// What Lua 5.1 compiles a function to, as lua_dump tells it: for who wants to know what a script
// may do before it does it. Used on the interpreter's thread; what is read is independent of it.
#pragma once

#include <cstdint>
#include <lua.hpp>
#include <optional>
#include <string>
#include <vector>

namespace henge::commands::scripting {

enum class Op : uint8_t {
  kMove,
  kLoadK,
  kLoadBool,
  kLoadNil,
  kGetUpvalue,
  kGetGlobal,
  kGetTable,
  kSetGlobal,
  kSetUpvalue,
  kSetTable,
  kNewTable,
  kSelf,
  kAdd,
  kSub,
  kMul,
  kDiv,
  kMod,
  kPow,
  kUnm,
  kNot,
  kLen,
  kConcat,
  kJump,
  kEq,
  kLt,
  kLe,
  kTest,
  kTestSet,
  kCall,
  kTailCall,
  kReturn,
  kForLoop,
  kForPrep,
  kTForLoop,
  kSetList,
  kClose,
  kClosure,
  kVararg,
};
inline constexpr int kOps = 38;

struct Instruction {
  uint32_t word;

  Op op() const { return static_cast<Op>(word & 0x3f); }
  int a() const { return static_cast<int>(word >> 6 & 0xff); }
  int b() const { return static_cast<int>(word >> 23); }
  int c() const { return static_cast<int>(word >> 14 & 0x1ff); }
  int bx() const { return static_cast<int>(word >> 14); }
  int jump() const { return bx() - 131071; }
  // b() and c() are registers, or constants from here on.
  static constexpr int kConstants = 256;
};

struct Constant {
  enum class Kind : uint8_t { kOther, kNumber, kText };
  Kind kind = Kind::kOther;
  std::string text;  // A number as commands get it.
};

struct FunctionCode {
  int upvalues = 0;
  int parameters = 0;
  int registers = 0;
  std::vector<Instruction> code;
  std::vector<Constant> constants;
  std::vector<FunctionCode> functions;  // Made within.
};

// The Lua function on top of the stack, which stays there. Nothing if it is not one, is larger than
// `max_bytes`, or can't be read.
std::optional<FunctionCode> ReadBytecode(lua_State* lua, size_t max_bytes);

}  // namespace henge::commands::scripting
