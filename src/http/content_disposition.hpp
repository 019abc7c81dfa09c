// Content-Disposition: proposing a file's name, and taking a proposal with care (RFC 6266, 8187).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace spate::http {

/// `attachment; filename="..."; filename*=UTF-8''...`. Any bytes may stand in the name; the plain
/// form has '_' for those it cannot carry.
[[nodiscard]] std::string attachment(std::string_view file_name);

/// The name a field proposes, decoded but not to be trusted; `filename*` before `filename`.
[[nodiscard]] std::optional<std::string> proposed_name(std::string_view content_disposition);

/// One path component that is safe to create in the current folder: what follows the last slash
/// or backslash, without control bytes, leading dots as '_', at most 255 bytes and cut between
/// characters, the extension kept. Nullopt where nothing is left, or dots alone.
[[nodiscard]] std::optional<std::string> safe_file_name(std::string_view proposed);

}  // namespace spate::http
