// SHA-256 of a file that arrives in any order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

struct evp_md_ctx_st;

namespace spate::http {

/// 64 hex digits, any case, as lower case; nullopt for anything else.
[[nodiscard]] std::optional<std::string> parse_sha256(std::string_view text);

/// Hashes the bytes from 0 on as they come in order; what came out of order is left for a second
/// look at the file. OpenSSL's, with the processor's instructions for it.
class PrefixDigest {
  public:
    PrefixDigest();

    /// Bytes are at `offset` in the file. Counted only where they go on from hashed().
    void add(std::uint64_t offset, std::span<const std::byte> bytes);
    /// How much of the file's beginning is in it.
    [[nodiscard]] std::uint64_t hashed() const { return hashed_; }
    /// In hex. Ends it.
    [[nodiscard]] std::string finish();
    void restart();

  private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
    std::uint64_t hashed_ = 0;
};

}  // namespace spate::http
