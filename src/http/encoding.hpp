// Content codings: which of a file's encodings a client takes (RFC 9110 §12.5.3).
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace spate::http {

enum class Coding : std::uint8_t { br, zstd, gzip, identity };

/// The value for Content-Encoding.
[[nodiscard]] std::string_view name_of(Coding coding);
/// What the name of a precompressed sidecar ends in: ".br", ".zst", ".gz"; "" for identity.
[[nodiscard]] std::string_view suffix_of(Coding coding);

/// Those that a sidecar can be in.
inline constexpr std::array sidecar_codings{Coding::br, Coding::zstd, Coding::gzip};

/// What is acceptable, best first.
class Codings {
  public:
    void add(Coding coding) {
        assert(size_ < codings_.size());
        codings_[size_++] = coding;
    }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] const Coding* begin() const { return codings_.data(); }
    [[nodiscard]] const Coding* end() const { return codings_.data() + size_; }
    [[nodiscard]] bool contains(Coding coding) const;

  private:
    std::array<Coding, 4> codings_{};
    std::size_t size_ = 0;
};

/// Orders by the client's weights, at equal weights br, zstd, gzip, identity. Without the field
/// the answer is identity alone: clients that send none seldom decode. Identity is missing only
/// where the client refused it; empty means 406, or sending it anyway.
[[nodiscard]] Codings negotiate(std::optional<std::string_view> accept_encoding);

}  // namespace spate::http
