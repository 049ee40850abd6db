#include "json_line.h"

#include <cstdint>

namespace {

constexpr size_t kMostOfValue = 2048;  // bytes; the rest is cut off
constexpr char kHex[] = "0123456789abcdef";
constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD
constexpr std::string_view kCut = "\xe2\x80\xa6";          // an ellipsis

// Bytes of the UTF-8 sequence that begins at `at`; 0: none does (RFC 3629).
size_t sequence(std::string_view text, size_t at) {
  auto byte = [&](size_t i) { return at + i < text.size() ? uint8_t(text[at + i]) : uint8_t(0); };
  auto follows = [&](size_t i, uint8_t least = 0x80, uint8_t most = 0xbf) {
    return byte(i) >= least && byte(i) <= most;
  };
  const uint8_t first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    const uint8_t least = first == 0xe0 ? 0xa0 : 0x80;
    const uint8_t most = first == 0xed ? 0x9f : 0xbf;
    return follows(1, least, most) && follows(2) ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    const uint8_t least = first == 0xf0 ? 0x90 : 0x80;
    const uint8_t most = first == 0xf4 ? 0x8f : 0xbf;
    return follows(1, least, most) && follows(2) && follows(3) ? 4 : 0;
  }
  return 0;
}

void escape(std::string &to, std::string_view text) {
  for (size_t at = 0; at < text.size();) {
    if (at >= kMostOfValue) {
      to += kCut;
      return;
    }
    const char c = text[at];
    if (c == '"' || c == '\\') {
      to += {'\\', c};
      at++;
    } else if (uint8_t(c) < 0x20 || c == 0x7f) {
      to += {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
      at++;
    } else if (const size_t size = sequence(text, at); size > 0) {
      to += text.substr(at, size);
      at += size;
    } else {
      to += kReplacement;
      at++;
    }
  }
}

// With leading zeroes.
void digits(std::string &to, uint64_t value, int count) {
  char text[20];
  for (int i = count; i-- > 0; value /= 10) text[i] = char('0' + value % 10);
  to.append(text, size_t(count));
}

struct Date {
  uint64_t year;
  unsigned month, day;
};

// Days since 1970 to a date of the Gregorian calendar. Years begin in March, so that a leap day is the last.
Date date_of(uint64_t days) {
  days += 719468;  // since 0000-03-01
  const uint64_t era = days / 146097;
  const unsigned of_era = unsigned(days % 146097);
  const unsigned year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
  const unsigned of_year = of_era - (365 * year + year / 4 - year / 100);
  const unsigned march = (5 * of_year + 2) / 153;
  const unsigned month = march < 10 ? march + 3 : march - 9;
  return {era * 400 + year + (month <= 2 ? 1 : 0), month, of_year - (153 * march + 2) / 5 + 1};
}

}  // namespace

void JsonLine::key(std::string_view key) {
  if (!first_) line_ += ',';
  first_ = false;
  line_ += '"';
  escape(line_, key);
  line_ += "\":";
}

void JsonLine::text(std::string_view name, std::string_view value) {
  key(name);
  line_ += '"';
  escape(line_, value);
  line_ += '"';
}

void JsonLine::number(std::string_view name, int64_t value) {
  key(name);
  line_ += std::to_string(value);
}

void JsonLine::milliseconds(std::string_view name, int64_t nanoseconds) {
  const uint64_t micros = nanoseconds > 0 ? uint64_t(nanoseconds) / 1000 : 0;
  key(name);
  line_ += std::to_string(micros / 1000);
  line_ += '.';
  digits(line_, micros % 1000, 3);
}

void JsonLine::time(std::string_view name, int64_t nanoseconds) {
  const uint64_t millis = nanoseconds > 0 ? uint64_t(nanoseconds) / 1000000 : 0;
  const uint64_t seconds = millis / 1000;
  const Date date = date_of(seconds / 86400);
  key(name);
  line_ += '"';
  digits(line_, date.year, 4);
  line_ += '-';
  digits(line_, date.month, 2);
  line_ += '-';
  digits(line_, date.day, 2);
  line_ += 'T';
  digits(line_, seconds / 3600 % 24, 2);
  line_ += ':';
  digits(line_, seconds / 60 % 60, 2);
  line_ += ':';
  digits(line_, seconds % 60, 2);
  line_ += '.';
  digits(line_, millis % 1000, 3);
  line_ += "Z\"";
}

void JsonLine::begin(std::string_view name) {
  key(name);
  line_ += '{';
  first_ = true;
}

void JsonLine::end() {
  line_ += '}';
  first_ = false;
}

std::string JsonLine::finish() && {
  line_ += '}';
  return std::move(line_);
}
