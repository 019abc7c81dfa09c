#include "http/conditions.hpp"

#include <algorithm>

#include "http/date.hpp"
#include "http/text.hpp"

namespace spate::http {
namespace {

enum class Comparison { strong, weak };

bool is_weak(std::string_view tag) {
    return tag.starts_with("W/");
}

std::string_view opaque(std::string_view tag) {
    return is_weak(tag) ? tag.substr(2) : tag;
}

/// RFC 9110 §8.8.3.2.
bool same_tag(std::string_view a, std::string_view b, Comparison comparison) {
    if (comparison == Comparison::strong && (is_weak(a) || is_weak(b))) return false;
    return opaque(a) == opaque(b);
}

/// Cuts the first entity tag off a list. A comma may stand within its quotes; what is no tag
/// is returned up to the next comma and equals none.
std::string_view take_tag(std::string_view& list) {
    const std::size_t prefix = is_weak(list) ? 2 : 0;
    std::size_t end = 0;
    if (const auto quoted = list.substr(prefix); quoted.starts_with('"')) {
        const std::size_t close = quoted.find('"', 1);
        end = close == std::string_view::npos ? list.size() : prefix + close + 1;
    }
    const std::size_t comma = std::min(list.find(',', end), list.size());
    const std::string_view tag = trim(list.substr(0, comma));
    list.remove_prefix(std::min(comma + 1, list.size()));
    return tag;
}

/// Whether If-Match or If-None-Match names the current representation. `*` names any.
bool names_current(std::string_view list, const Validators& current, Comparison comparison) {
    if (list == "*") return true;
    if (current.etag.empty()) return false;
    while (!list.empty()) {
        list = trim(list);
        if (same_tag(take_tag(list), current.etag, comparison)) return true;
    }
    return false;
}

/// The date of a condition, where it is one and there is a date to compare it with.
std::optional<std::int64_t> comparable_date(const std::optional<std::string_view>& field,
                                            const Validators& current, std::int64_t now_s) {
    if (!field || !current.last_modified_s) return std::nullopt;
    return parse_date(*field, now_s);
}

}  // namespace

Precondition evaluate(const Request& request, const Validators& current, std::int64_t now_s) {
    if (request.if_match) {
        if (!names_current(*request.if_match, current, Comparison::strong)) {
            return Precondition::failed;
        }
    } else if (const auto date = comparable_date(request.if_unmodified_since, current, now_s)) {
        if (*current.last_modified_s > *date) return Precondition::failed;
    }

    const bool reads = request.method == Method::get || request.method == Method::head;
    if (request.if_none_match) {
        if (!names_current(*request.if_none_match, current, Comparison::weak)) {
            return Precondition::proceed;
        }
        return reads ? Precondition::not_modified : Precondition::failed;
    }
    if (!reads) return Precondition::proceed;
    const auto date = comparable_date(request.if_modified_since, current, now_s);
    const bool unmodified = date && *current.last_modified_s <= *date;
    return unmodified ? Precondition::not_modified : Precondition::proceed;
}

bool range_applies(const Request& request, const Validators& current, std::int64_t now_s) {
    if (request.method != Method::get || !request.range) return false;
    if (!request.if_range) return true;
    const std::string_view validator = *request.if_range;
    if (validator.starts_with('"') || is_weak(validator)) {
        return same_tag(validator, current.etag, Comparison::strong);
    }
    const auto date = comparable_date(request.if_range, current, now_s);
    return date && !current.weak && *date == *current.last_modified_s;
}

}  // namespace spate::http
