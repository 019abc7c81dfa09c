#include "http/encoding.hpp"

#include <algorithm>

#include "http/text.hpp"
#include "http/weight.hpp"

namespace spate::http {
namespace {

struct CodingName {
    Coding coding;
    std::string_view name;
    std::string_view suffix;
};

/// In the order of our preference.
constexpr CodingName names[] = {
    {Coding::br, "br", ".br"},
    {Coding::zstd, "zstd", ".zst"},
    {Coding::gzip, "gzip", ".gz"},
    {Coding::identity, "identity", ""},
};

constexpr int unset = -1;

/// What the field says of each coding, in the order of `names`, and of all others.
struct Weights {
    std::array<int, 4> of{unset, unset, unset, unset};
    int others = unset;
};

Weights read_weights(std::string_view field) {
    Weights weights;
    while (!field.empty()) {
        std::string_view element = take_until(field, ',');
        std::string_view name = trim(take_until(element, ';'));
        const auto weight = weight_of(element);
        if (!weight) continue;
        if (is_same_word(name, "x-gzip")) name = "gzip";  // RFC 9110 §8.4.1.3
        if (name == "*" && weights.others == unset) weights.others = *weight;
        for (std::size_t i = 0; i < std::size(names); ++i) {
            if (is_same_word(name, names[i].name) && weights.of[i] == unset) {
                weights.of[i] = *weight;
            }
        }
    }
    return weights;
}

}  // namespace

std::string_view name_of(Coding coding) {
    return names[static_cast<std::size_t>(coding)].name;
}

std::string_view suffix_of(Coding coding) {
    return names[static_cast<std::size_t>(coding)].suffix;
}

bool Codings::contains(Coding coding) const {
    return std::find(begin(), end(), coding) != end();
}

Codings negotiate(std::optional<std::string_view> accept_encoding) {
    Weights weights = read_weights(accept_encoding.value_or(""));
    for (int& weight : weights.of) {
        if (weight == unset) weight = weights.others;
    }
    // Not named, it is acceptable all the same, but anything named is better.
    int& identity = weights.of[static_cast<std::size_t>(Coding::identity)];
    const bool implied = identity == unset;
    if (implied) identity = 0;

    Codings codings;
    std::array<std::size_t, 4> order{0, 1, 2, 3};
    std::ranges::sort(order, [&weights](std::size_t a, std::size_t b) {
        return weights.of[a] != weights.of[b] ? weights.of[a] > weights.of[b] : a < b;
    });
    for (const std::size_t i : order) {
        if (weights.of[i] > 0) codings.add(names[i].coding);
    }
    if (implied) codings.add(Coding::identity);
    return codings;
}

}  // namespace spate::http
