// SPDX-License-Identifier: Apache-2.0
#include "commands/server/lolwut.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <optional>
#include <string_view>
#include <vector>

#include "base/numbers.h"
#include "base/version.h"
#include "commands/context.h"

namespace henge::commands {
namespace {

constexpr int kColumns = 66;
constexpr int kRows = 16;
constexpr int kStones = 13;
constexpr int kMaxColumns = 1000;
constexpr int kMaxRows = 200;
constexpr int kMaxStones = 200;
// Drawings up to this version took numbers only; later ones ignore what they do not understand.
constexpr int64_t kLastStrictVersion = 6;

// Dots, on or off; those outside are dropped.
class Canvas {
 public:
  Canvas(int columns, int rows)
      : width_(columns * 2), height_(rows * 4), dots_(static_cast<size_t>(width_ * height_)) {}
  int width() const { return width_; }
  int height() const { return height_; }

  void Set(int x, int y, bool on = true) {
    if (x >= 0 && y >= 0 && x < width_ && y < height_) dots_[Index(x, y)] = on;
  }
  bool Get(int x, int y) const { return dots_[Index(x, y)]; }

  std::string Text() const {
    std::string text;
    for (int y = 0; y < height_; y += 4) {
      for (int x = 0; x < width_; x += 2) AppendCell(x, y, text);
      text += '\n';
    }
    return text;
  }

 private:
  size_t Index(int x, int y) const { return static_cast<size_t>(y * width_ + x); }

  // U+2800 plus a bit per dot: three of the left column, three of the right, then the lowest two.
  void AppendCell(int x, int y, std::string& text) const {
    unsigned bits = 0;
    for (int row = 0; row < 4; ++row) {
      for (int column = 0; column < 2; ++column) {
        if (Get(x + column, y + row)) bits |= 1u << (row < 3 ? column * 3 + row : 6 + column);
      }
    }
    text += static_cast<char>(0xe2);
    text += static_cast<char>(0xa0 | bits >> 6);
    text += static_cast<char>(0x80 | (bits & 0x3f));
  }

  int width_;
  int height_;
  std::vector<bool> dots_;
};

struct Stone {
  double depth;  // -1 the far side of the ring, 1 the near one.
  double x;      // Its foot's middle.
  double foot;
  double width;
  double height;
  double lean;  // How far its head stands aside.
};

// A block from its foot up, a little weathered, with a dark seam around it.
void DrawStone(Canvas& canvas, const Stone& stone, Random& random) {
  const int top = static_cast<int>(stone.foot - stone.height);
  const int foot = static_cast<int>(stone.foot);
  for (int y = top - 1; y <= foot; ++y) {
    const double up = (stone.foot - y) / std::max(1.0, stone.height);
    const double middle = stone.x + stone.lean * up;
    const double half = stone.width / 2 * (1 - 0.18 * up);
    const int left = static_cast<int>(std::lround(middle - half));
    const int right = static_cast<int>(std::lround(middle + half));
    canvas.Set(left - 1, y, false);
    canvas.Set(right + 1, y, false);
    for (int x = left; x <= right; ++x) canvas.Set(x, y, y >= top && random.Below(24) != 0);
  }
}

// The stone that lies across two others.
void DrawLintel(Canvas& canvas, const Stone& a, const Stone& b) {
  const double thickness = std::max(2.0, (a.height + b.height) / 10);
  const double from = std::min(a.x + a.lean - a.width / 2, b.x + b.lean - b.width / 2) - 1;
  const double to = std::max(a.x + a.lean + a.width / 2, b.x + b.lean + b.width / 2) + 1;
  const bool a_is_left = a.x < b.x;
  const double left_top = a_is_left ? a.foot - a.height : b.foot - b.height;
  const double right_top = a_is_left ? b.foot - b.height : a.foot - a.height;
  for (int x = static_cast<int>(from); x <= static_cast<int>(to); ++x) {
    const double along = (x - from) / std::max(1.0, to - from);
    const int bed = static_cast<int>(std::lround(left_top + (right_top - left_top) * along)) - 1;
    canvas.Set(x, bed, false);
    for (int y = 1; y <= static_cast<int>(thickness); ++y) canvas.Set(x, bed - y);
    canvas.Set(x, bed - static_cast<int>(thickness) - 1, false);
  }
}

void DrawSky(Canvas& canvas, int horizon, Random& random) {
  const auto width = static_cast<uint64_t>(canvas.width());
  const auto sky = static_cast<uint64_t>(std::max(1, horizon));
  for (uint64_t star = 0; star < width * sky / 90; ++star) {
    canvas.Set(static_cast<int>(random.Below(width)), static_cast<int>(random.Below(sky)));
  }
  // A crescent: a disc, less another one beside it.
  const double radius = std::max(2.0, canvas.height() * 0.11);
  const double x = canvas.width() * (0.1 + 0.8 * random.Unit());
  const double y = radius * 1.4;
  const double bite = radius * (random.Below(2) == 0 ? 0.6 : -0.6);
  for (double dy = -radius; dy <= radius; ++dy) {
    for (double dx = -radius; dx <= radius; ++dx) {
      const bool lit = dx * dx + dy * dy <= radius * radius &&
                       (dx - bite) * (dx - bite) + dy * dy > radius * radius;
      canvas.Set(static_cast<int>(x + dx), static_cast<int>(y + dy), lit);
    }
  }
}

void DrawGround(Canvas& canvas, int horizon, Random& random) {
  const double phase = random.Unit() * 2 * std::numbers::pi;
  for (int x = 0; x < canvas.width(); ++x) {
    const double hill = std::sin(x * 0.04 + phase) * canvas.height() * 0.02;
    canvas.Set(x, horizon + static_cast<int>(std::lround(hill)));
    for (int y = horizon + 2; y < canvas.height(); ++y) {
      if (random.Below(30) == 0) canvas.Set(x, y);
    }
  }
}

std::vector<Stone> PlaceStones(const Canvas& canvas, int count, int horizon, Random& random) {
  std::vector<Stone> ring;
  const double turn = random.Unit() * 2 * std::numbers::pi;
  const double room = canvas.width() * 0.84 * std::numbers::pi / count;
  for (int i = 0; i < count; ++i) {
    const double angle = turn + 2 * std::numbers::pi * i / count;
    const double depth = std::sin(angle);
    const double scale = 1 + 0.35 * depth;
    const double worn = 0.85 + 0.15 * random.Unit();
    ring.push_back({.depth = depth,
                    .x = canvas.width() * (0.5 + 0.42 * std::cos(angle)),
                    .foot = horizon + canvas.height() * (0.05 + 0.08 * depth),
                    .width = std::clamp(room * 0.3 * scale, 1.0, canvas.height() * 0.16 * scale),
                    .height = canvas.height() * 0.34 * scale * worn,
                    .lean = (random.Unit() - 0.5) * canvas.height() * 0.05});
  }
  return ring;
}

// A number among the drawing's options; what is no number fails or counts as absent.
std::optional<int64_t> ReadOption(ArgReader& args, bool strict) {
  if (args.empty()) return std::nullopt;
  if (strict) return args.Integer();
  return ParseInt64(args.Next());
}

int Within(std::optional<int64_t> wanted, int otherwise, int most) {
  return static_cast<int>(std::clamp<int64_t>(wanted.value_or(otherwise), 1, most));
}

}  // namespace

std::string DrawHenge(int columns, int rows, int stones, Random& random) {
  Canvas canvas(columns, rows);
  const int horizon = canvas.height() * 8 / 10;
  DrawSky(canvas, horizon, random);
  DrawGround(canvas, horizon, random);
  const std::vector<Stone> ring = PlaceStones(canvas, stones, horizon, random);

  std::vector<size_t> order(ring.size());  // What is far is drawn first.
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return ring[a].depth < ring[b].depth; });
  for (const size_t i : order) {
    const Stone& stone = ring[i];
    if (stone.depth > 0.3 && random.Below(3) == 0) continue;  // Carried off for a barn.
    DrawStone(canvas, stone, random);
    const Stone& next = ring[(i + 1) % ring.size()];
    const bool near_enough = std::abs(next.x - stone.x) < canvas.width() * 0.3;
    if (ring.size() > 1 && near_enough && stone.depth < 0.3 && random.Below(4) != 0) {
      DrawLintel(canvas, stone, next);
    }
  }
  return canvas.Text();
}

void Lolwut(CommandContext& ctx, ArgReader& args) {
  bool strict = false;
  if (args.left() >= 2 && args.Accept("VERSION")) {
    const int64_t version = args.Integer();
    strict = version >= kLastStrictVersion - 1 && version <= kLastStrictVersion;
  }
  const auto columns = ReadOption(args, strict);
  const auto rows = ReadOption(args, strict);
  const auto stones = ReadOption(args, strict);
  if (!args.ok()) return ctx.reply.Error(args.error());
  std::string text =
      DrawHenge(Within(columns, kColumns, kMaxColumns), Within(rows, kRows, kMaxRows),
                Within(stones, kStones, kMaxStones), ThreadRandom());
  text += "\nA henge by night. Redis ver. ";
  text += kRedisVersion;
  text += '\n';
  ctx.reply.Verbatim("txt", text);
}

}  // namespace henge::commands
