#include "http/date.hpp"

#include <algorithm>
#include <chrono>

#include "http/text.hpp"

namespace spate::http {
namespace {

using namespace std::chrono;

constexpr std::string_view day_names[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::string_view long_day_names[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                               "Thursday", "Friday", "Saturday"};
constexpr std::string_view month_names[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                            "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr std::int64_t first_second = -62'167'219'200;  // 0000-01-01 00:00:00
constexpr std::int64_t last_second = 253'402'300'799;   // 9999-12-31 23:59:59

/// Reads a date from the left; once something does not fit, it stays failed.
class DateReader {
  public:
    explicit DateReader(std::string_view text) : rest_(text) {}

    void literal(std::string_view wanted) {
        good_ = good_ && rest_.starts_with(wanted);
        if (good_) rest_.remove_prefix(wanted.size());
    }

    int digits(std::size_t count) {
        const auto value = parse_digits(rest_.substr(0, count));
        good_ = good_ && rest_.size() >= count && value;
        if (!good_) return 0;
        rest_.remove_prefix(count);
        return static_cast<int>(*value);
    }

    /// Of asctime, which pads with a blank.
    int day_of_month() {
        if (!rest_.starts_with(' ')) return digits(2);
        literal(" ");
        return digits(1);
    }

    template <std::size_t N>
    unsigned name(const std::string_view (&names)[N]) {
        const auto found = std::ranges::find_if(
            names, [this](std::string_view name) { return rest_.starts_with(name); });
        good_ = good_ && found != std::end(names);
        if (!good_) return 0;
        rest_.remove_prefix(found->size());
        return static_cast<unsigned>(found - std::begin(names));
    }

    month month_name() { return month{name(month_names) + 1}; }

    seconds clock() {
        const hours h{digits(2)};
        literal(":");
        const minutes m{digits(2)};
        literal(":");
        const seconds s{digits(2)};
        // 60 is a leap second; POSIX time folds it into the next.
        good_ = good_ && h < days{1} && m < hours{1} && s <= minutes{1};
        return h + m + s;
    }

    [[nodiscard]] std::optional<std::int64_t> finish(year y, month m, int d, seconds clock) const {
        const year_month_day date = y / m / d;
        if (!good_ || !rest_.empty() || !date.ok()) return std::nullopt;
        return (sys_days(date) + clock).time_since_epoch() / seconds{1};
    }

  private:
    std::string_view rest_;
    bool good_ = true;
};

/// "Sun, 06 Nov 1994 08:49:37 GMT"
std::optional<std::int64_t> parse_fixdate(std::string_view text) {
    DateReader reader(text);
    reader.name(day_names);
    reader.literal(", ");
    const int d = reader.digits(2);
    reader.literal(" ");
    const month m = reader.month_name();
    reader.literal(" ");
    const year y{reader.digits(4)};
    reader.literal(" ");
    const seconds clock = reader.clock();
    reader.literal(" GMT");
    return reader.finish(y, m, d, clock);
}

/// "Sunday, 06-Nov-94 08:49:37 GMT"
std::optional<std::int64_t> parse_rfc850(std::string_view text, std::int64_t now_s) {
    DateReader reader(text);
    reader.name(long_day_names);
    reader.literal(", ");
    const int d = reader.digits(2);
    reader.literal("-");
    const month m = reader.month_name();
    reader.literal("-");
    const int two_digits = reader.digits(2);
    reader.literal(" ");
    const seconds clock = reader.clock();
    reader.literal(" GMT");

    // The year of this century, or of the last one if that were more than 50 years ahead.
    const sys_seconds now{seconds(std::clamp(now_s, first_second, last_second))};
    const sys_days midnight = floor<days>(now);
    const year_month_day today{midnight};
    const year y{int(today.year()) / 100 * 100 + two_digits};
    const sys_seconds limit = sys_days(today + years{50}) + (now - midnight);
    const auto date = reader.finish(y, m, d, clock);
    const bool too_far = date && sys_seconds(seconds(*date)) > limit;
    return too_far ? reader.finish(y - years{100}, m, d, clock) : date;
}

/// "Sun Nov  6 08:49:37 1994"
std::optional<std::int64_t> parse_asctime(std::string_view text) {
    DateReader reader(text);
    reader.name(day_names);
    reader.literal(" ");
    const month m = reader.month_name();
    reader.literal(" ");
    const int d = reader.day_of_month();
    reader.literal(" ");
    const seconds clock = reader.clock();
    reader.literal(" ");
    const year y{reader.digits(4)};
    return reader.finish(y, m, d, clock);
}

/// Writes `value` as `count` decimal digits.
char* put_digits(char* out, unsigned value, int count) {
    for (int i = count - 1; i >= 0; --i) {
        out[i] = static_cast<char>('0' + value % 10);
        value /= 10;
    }
    return out + count;
}

char* put(char* out, std::string_view text) {
    return std::ranges::copy(text, out).out;
}

}  // namespace

std::string_view format_date(std::int64_t unix_s, DateBuffer& buffer) {
    const sys_seconds time{seconds(std::clamp(unix_s, first_second, last_second))};
    const sys_days midnight = floor<days>(time);
    const year_month_day date{midnight};
    const auto clock = static_cast<unsigned>((time - midnight).count());

    char* out = put(buffer.data(), day_names[weekday(midnight).c_encoding()]);
    out = put_digits(put(out, ", "), unsigned(date.day()), 2);
    out = put(put(out, " "), month_names[unsigned(date.month()) - 1]);
    out = put_digits(put(out, " "), static_cast<unsigned>(int(date.year())), 4);
    out = put_digits(put(out, " "), clock / 3600, 2);
    out = put_digits(put(out, ":"), clock / 60 % 60, 2);
    out = put_digits(put(out, ":"), clock % 60, 2);
    put(out, " GMT");
    return {buffer.data(), buffer.size()};
}

std::optional<std::int64_t> parse_date(std::string_view text, std::int64_t now_s) {
    if (auto date = parse_fixdate(text)) return date;
    if (auto date = parse_rfc850(text, now_s)) return date;
    return parse_asctime(text);
}

}  // namespace spate::http
