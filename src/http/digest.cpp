#include "http/digest.hpp"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <iterator>

namespace spate::http {

std::optional<std::string> parse_sha256(std::string_view text) {
    if (text.size() != 64) return std::nullopt;
    std::string lower;
    for (const char c : text) {
        const bool upper = c >= 'A' && c <= 'F';
        if (!upper && !(c >= 'a' && c <= 'f') && !(c >= '0' && c <= '9')) return std::nullopt;
        lower += upper ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return lower;
}

void PrefixDigest::Free::operator()(evp_md_ctx_st* context) const {
    EVP_MD_CTX_free(context);
}

PrefixDigest::PrefixDigest() : context_(EVP_MD_CTX_new()) {
    restart();
}

void PrefixDigest::restart() {
    // Fails only for want of memory, or of SHA-256 itself.
    [[maybe_unused]] const int ready = EVP_DigestInit_ex(context_.get(), EVP_sha256(), nullptr);
    assert(ready == 1);
    hashed_ = 0;
}

void PrefixDigest::add(std::uint64_t offset, std::span<const std::byte> bytes) {
    if (offset != hashed_) return;
    EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size());
    hashed_ += bytes.size();
}

std::string PrefixDigest::finish() {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned length = 0;
    EVP_DigestFinal_ex(context_.get(), digest.data(), &length);
    std::string hex;
    for (unsigned i = 0; i < length; ++i) {
        fmt::format_to(std::back_inserter(hex), "{:02x}", digest[i]);
    }
    return hex;
}

}  // namespace spate::http
