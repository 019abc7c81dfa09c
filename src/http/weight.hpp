// Weights in fields that say what a client would rather have (RFC 9110 §12.4.2).
#pragma once

#include <optional>
#include <string_view>

namespace spate::http {

/// The weight among an element's parameters, in thousandths; 1000 without one. Nothing where what
/// is there is none.
[[nodiscard]] std::optional<int> weight_of(std::string_view parameters);

/// Whether an Accept field would rather have a media type than another: by weight, and where those
/// are the same by how closely each is named ("*/*" hardly). Types in lower case.
[[nodiscard]] bool prefers(std::string_view accept, std::string_view type, std::string_view other);

}  // namespace spate::http
