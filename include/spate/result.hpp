// Errors as values: what every fallible call of the engine returns.
#pragma once

#include <expected>
#include <string>

namespace spate {

/// Why something failed: an errno and what was attempted when it did.
struct [[nodiscard]] Error {
    int code = 0;           ///< An errno value, never negative. 0 only in a default Error.
    const char* what = "";  ///< What was attempted, as a string literal: "connect", "openat2".

    /// "connect: Connection refused".
    [[nodiscard]] std::string message() const;

    friend bool operator==(const Error& a, const Error& b) { return a.code == b.code; }
};

template <typename T>
using Result = std::expected<T, Error>;

/// `return fail(errno, "bind");` in a function returning any Result.
[[nodiscard]] inline std::unexpected<Error> fail(int code, const char* what) {
    return std::unexpected(Error{code, what});
}

}  // namespace spate
