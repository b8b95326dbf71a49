// SPDX-License-Identifier: Apache-2.0
#include "commands/scripting/reply_values.h"

#include <algorithm>
#include <limits>
#include <string>

#include "base/numbers.h"

namespace henge::commands::scripting {
namespace {

constexpr const char* kCounted = "ignore_error_stats_update";
constexpr const char* kStackLimit = "ERR reached lua stack limit";

void PushText(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
}

// Pushes {field = text}.
void PushTagged(lua_State* lua, const char* field, std::string_view text) {
  lua_createtable(lua, 0, 1);
  PushText(lua, text);
  lua_setfield(lua, -2, field);
}

// --- From replies ---

class ReplyReader {
 public:
  ReplyReader(lua_State* lua, std::string_view bytes) : lua_(lua), rest_(bytes) {}

  void Push() {
    if (lua_checkstack(lua_, 5) == 0) luaL_error(lua_, "reached lua stack limit");
    const std::string_view line = Line();
    const char kind = line[0];
    const std::string_view text = line.substr(1);
    switch (kind) {
      case ':':
        return lua_pushnumber(lua_, static_cast<lua_Number>(ParseInt64(text).value_or(0)));
      case '$':
        return text == "-1" ? lua_pushboolean(lua_, 0) : PushText(lua_, Bytes(text));
      case '+':
        return PushTagged(lua_, "ok", text);
      case '-':
        return PushError(lua_, text, true);
      case '*':
      case '>':
        return text == "-1" ? lua_pushboolean(lua_, 0) : PushArray(Size(text));
      default:
        PushResp3(kind, text);
    }
  }

 private:
  static size_t Size(std::string_view text) {
    return static_cast<size_t>(std::max<int64_t>(0, ParseInt64(text).value_or(0)));
  }
  std::string_view Line() {
    const size_t end = rest_.find("\r\n");
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 2);
    if (line.empty()) luaL_error(lua_, "incomplete reply");
    return line;
  }
  std::string_view Bytes(std::string_view size_text) {
    const size_t size = Size(size_text);
    if (rest_.size() < 2 || size > rest_.size() - 2) luaL_error(lua_, "incomplete reply");
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size + 2);
    return bytes;
  }

  void PushArray(size_t size) {
    lua_createtable(lua_, static_cast<int>(std::min<size_t>(size, 1 << 20)), 0);
    for (size_t i = 1; i <= size; ++i) {
      Push();
      lua_rawseti(lua_, -2, static_cast<int>(i));
    }
  }

  void PushResp3(char kind, std::string_view text) {
    switch (kind) {
      case '_':
        return lua_pushnil(lua_);
      case '#':
        return lua_pushboolean(lua_, text == "t" ? 1 : 0);
      case ',':
        lua_createtable(lua_, 0, 1);
        lua_pushnumber(lua_, text == "nan" || text == "-nan"
                                 ? std::numeric_limits<double>::quiet_NaN()
                                 : ParseLooseDouble(text).value_or(0));
        return lua_setfield(lua_, -2, "double");
      case '(':
        return PushTagged(lua_, "big_number", text);
      case '=':
        return PushVerbatim(Bytes(text));
      case '%':
        return PushMap(Size(text));
      case '~':
        return PushSet(Size(text));
      case '|':
        for (size_t left = 2 * Size(text); left > 0; --left) {
          Push();
          lua_pop(lua_, 1);
        }
        return Push();  // What it is about.
      default:
        luaL_error(lua_, "unknown kind of reply");
    }
  }

  void PushVerbatim(std::string_view bytes) {
    lua_createtable(lua_, 0, 1);
    lua_createtable(lua_, 0, 2);
    PushText(lua_, bytes.substr(std::min<size_t>(4, bytes.size())));
    lua_setfield(lua_, -2, "string");
    PushText(lua_, bytes.substr(0, 3));
    lua_setfield(lua_, -2, "format");
    lua_setfield(lua_, -2, "verbatim_string");
  }

  void PushMap(size_t pairs) {
    lua_createtable(lua_, 0, 1);
    lua_newtable(lua_);
    for (size_t i = 0; i < pairs; ++i) {
      Push();
      Push();
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "map");
  }

  void PushSet(size_t size) {
    lua_createtable(lua_, 0, 1);
    lua_newtable(lua_);
    for (size_t i = 0; i < size; ++i) {
      Push();
      lua_pushboolean(lua_, 1);
      lua_rawset(lua_, -3);
    }
    lua_setfield(lua_, -2, "set");
  }

  lua_State* lua_;
  std::string_view rest_;
};

// --- To replies ---

// One line: what would end it becomes a space.
std::string OneLine(std::string_view text) {
  std::string line(text);
  std::replace(line.begin(), line.end(), '\r', ' ');
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

// As the processor converts: what has no integer is the lowest.
int64_t Truncated(lua_Number number) {
  constexpr lua_Number kLimit = 9223372036854775808.0;  // 2^63
  if (number >= -kLimit && number < kLimit) return static_cast<int64_t>(number);
  return std::numeric_limits<int64_t>::min();
}

class ReplyEncoder {
 public:
  ReplyEncoder(lua_State* lua, int script_protocol, proto::ReplyWriter& reply)
      : lua_(lua), script_protocol_(script_protocol), reply_(reply) {}

  void Write() {
    if (lua_checkstack(lua_, 4) == 0) {
      reply_.Error(kStackLimit);
      return lua_pop(lua_, 1);
    }
    switch (lua_type(lua_, -1)) {
      case LUA_TSTRING:
        reply_.Bulk(Text());
        break;
      case LUA_TBOOLEAN:
        WriteBoolean(lua_toboolean(lua_, -1) != 0);
        break;
      case LUA_TNUMBER:
        reply_.Integer(Truncated(lua_tonumber(lua_, -1)));
        break;
      case LUA_TTABLE:
        WriteTable();
        break;
      default:
        reply_.Null();
    }
    lua_pop(lua_, 1);
  }

 private:
  std::string_view Text() {
    size_t size = 0;
    const char* text = lua_tolstring(lua_, -1, &size);
    return {text, size};
  }

  void WriteBoolean(bool truth) {
    if (script_protocol_ == 3) {
      reply_.Bool(truth);
    } else {
      truth ? reply_.Integer(1) : reply_.Null();
    }
  }

  // Pushes the field of the table on top if it is of that type.
  bool Field(const char* name, int type) {
    lua_pushstring(lua_, name);
    lua_rawget(lua_, -2);
    if (lua_type(lua_, -1) == type) return true;
    lua_pop(lua_, 1);
    return false;
  }

  // A list is what most tables are: asked for first.
  bool IsList() {
    lua_rawgeti(lua_, -1, 1);
    const bool list = !lua_isnil(lua_, -1);
    lua_pop(lua_, 1);
    if (!list) return false;
    for (const char* name :
         {"err", "ok", "double", "big_number", "verbatim_string", "map", "set"}) {
      lua_pushstring(lua_, name);
      lua_rawget(lua_, -2);
      const bool tagged = !lua_isnil(lua_, -1);
      lua_pop(lua_, 1);
      if (tagged) return false;
    }
    return true;
  }

  void WriteTable() {
    if (IsList()) return WriteArray();
    if (Field("err", LUA_TSTRING)) {
      lua_pop(lua_, 1);
      const ErrorInfo error = ReadError(lua_, -1);
      error.counted ? reply_.RelayError(error.text) : reply_.Error(error.text);
    } else if (Field("ok", LUA_TSTRING)) {
      reply_.Simple(OneLine(lua_tostring(lua_, -1)));
      lua_pop(lua_, 1);
    } else if (Field("double", LUA_TNUMBER)) {
      reply_.Double(lua_tonumber(lua_, -1));
      lua_pop(lua_, 1);
    } else if (Field("big_number", LUA_TSTRING)) {
      reply_.BigNumber(OneLine(Text()));
      lua_pop(lua_, 1);
    } else if (!WriteVerbatim() && !WriteMap() && !WriteSet()) {
      WriteArray();
    }
  }

  bool WriteVerbatim() {
    if (!Field("verbatim_string", LUA_TTABLE)) return false;
    bool written = false;
    if (Field("format", LUA_TSTRING)) {
      std::string format(Text());
      format.resize(3, ' ');
      lua_pop(lua_, 1);
      if (Field("string", LUA_TSTRING)) {
        reply_.Verbatim(OneLine(format), Text());
        lua_pop(lua_, 1);
        written = true;
      }
    }
    lua_pop(lua_, 1);
    return written;
  }

  bool WriteMap() {
    if (!Field("map", LUA_TTABLE)) return false;
    const auto open = reply_.OpenMap(0);
    size_t size = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; ++size) {
      lua_pushvalue(lua_, -2);  // key, value, key
      Write();
      Write();
    }
    reply_.Close(open, size);
    lua_pop(lua_, 1);
    return true;
  }

  bool WriteSet() {
    if (!Field("set", LUA_TTABLE)) return false;
    size_t size = 0;
    for (lua_pushnil(lua_); lua_next(lua_, -2) != 0; ++size) lua_pop(lua_, 1);
    reply_.Set(size);
    lua_pushnil(lua_);
    while (lua_next(lua_, -2) != 0) {
      lua_pop(lua_, 1);
      lua_pushvalue(lua_, -1);
      Write();
    }
    lua_pop(lua_, 1);
    return true;
  }

  void WriteArray() {
    const auto open = reply_.OpenArray(lua_objlen(lua_, -1));
    size_t size = 0;
    for (;;) {
      lua_rawgeti(lua_, -1, static_cast<int>(size) + 1);
      if (lua_isnil(lua_, -1)) break;
      Write();
      ++size;
    }
    lua_pop(lua_, 1);
    reply_.Close(open, size);
  }

  lua_State* lua_;
  int script_protocol_;
  proto::ReplyWriter& reply_;
};

}  // namespace

void PushReply(lua_State* lua, std::string_view reply) { ReplyReader(lua, reply).Push(); }

void WriteReply(lua_State* lua, int script_protocol, proto::ReplyWriter& reply) {
  ReplyEncoder(lua, script_protocol, reply).Write();
}

ErrorInfo ReadError(lua_State* lua, int index) {
  if (index < 0) index = lua_gettop(lua) + index + 1;
  ErrorInfo info;
  // Strings stay alive in the table.
  const auto text = [&](const char* field) -> std::string_view {
    lua_pushstring(lua, field);
    lua_rawget(lua, index);
    size_t size = 0;
    const bool is_text = lua_type(lua, -1) == LUA_TSTRING;
    const char* bytes = is_text ? lua_tolstring(lua, -1, &size) : nullptr;
    lua_pop(lua, 1);
    return bytes == nullptr ? std::string_view() : std::string_view(bytes, size);
  };
  info.text = text("err");
  if (info.text.data() == nullptr) info.text = "ERR unknown error";
  info.source = text("source");
  lua_pushstring(lua, "line");
  lua_rawget(lua, index);
  info.line = static_cast<int>(lua_tointeger(lua, -1));
  lua_pushstring(lua, kCounted);
  lua_rawget(lua, index);
  info.counted = lua_toboolean(lua, -1) != 0;
  lua_pop(lua, 2);
  return info;
}

void PushError(lua_State* lua, std::string_view text, bool counted) {
  lua_createtable(lua, 0, counted ? 4 : 3);
  PushText(lua, text);
  lua_setfield(lua, -2, "err");
  if (!counted) return;
  lua_pushboolean(lua, 1);
  lua_setfield(lua, -2, kCounted);
}

}  // namespace henge::commands::scripting
