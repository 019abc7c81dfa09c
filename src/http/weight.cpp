#include "http/weight.hpp"

#include <cstddef>

#include "http/text.hpp"

namespace spate::http {
namespace {

/// A weight in thousandths: `0`, `0.5`, `1.000`. Nullopt where it is none (RFC 9110 §12.4.2).
std::optional<int> parse_weight(std::string_view text) {
    if (text.empty() || text.size() > 5 || (text[0] != '0' && text[0] != '1')) return std::nullopt;
    if (text.size() > 1 && text[1] != '.') return std::nullopt;
    int weight = text[0] - '0';
    for (std::size_t i = 2; i < 5; ++i) {
        const char digit = i < text.size() ? text[i] : '0';
        if (!is_digit(digit)) return std::nullopt;
        weight = weight * 10 + (digit - '0');
    }
    return weight <= 1000 ? std::optional(weight) : std::nullopt;
}

// What an Accept field says of one media type, by the range that names it most closely.
struct Liking {
    int weight = 0;
    int closeness = 0;  // 1 for */*, 2 for its kind, 3 for itself
};

int closeness_of(std::string_view range, std::string_view type) {
    if (is_same_word(range, type)) return 3;
    const std::string_view kind = type.substr(0, type.find('/') + 1);
    const bool any_of_kind = range.size() == kind.size() + 1 && range.ends_with('*');
    if (any_of_kind && is_same_word(range.substr(0, kind.size()), kind)) return 2;
    return range == "*/*" ? 1 : 0;
}

Liking liking_of(std::string_view accept, std::string_view type) {
    Liking liking;
    while (!accept.empty()) {
        std::string_view element = take_until(accept, ',');
        const int closeness = closeness_of(trim(take_until(element, ';')), type);
        const auto weight = weight_of(element);
        if (weight && closeness > liking.closeness) liking = {*weight, closeness};
    }
    return liking;
}

}  // namespace

std::optional<int> weight_of(std::string_view parameters) {
    while (!parameters.empty()) {
        std::string_view value = trim(take_until(parameters, ';'));
        const std::string_view name = trim(take_until(value, '='));
        if (is_same_word(name, "q")) return parse_weight(trim(value));
    }
    return 1000;
}

bool prefers(std::string_view accept, std::string_view type, std::string_view other) {
    const Liking ours = liking_of(accept, type);
    const Liking theirs = liking_of(accept, other);
    if (ours.weight != theirs.weight) return ours.weight > theirs.weight;
    return ours.weight > 0 && ours.closeness > theirs.closeness;
}

}  // namespace spate::http
