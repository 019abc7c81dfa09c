// An answer: its head as text, and where its body comes from.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <spate/loop.hpp>

#include "http/multipart.hpp"
#include "http/range.hpp"
#include "serve/representation.hpp"

namespace spate::serve {

/// The fields that every answer begins with, Server and Date: written anew once a second.
class DateStamp {
  public:
    explicit DateStamp(const Loop& loop) : loop_(loop) {}

    /// Whole lines.
    [[nodiscard]] std::string_view fields() {
        if (loop_.now() >= until_) write();
        return text_;
    }
    [[nodiscard]] std::int64_t now_s() const { return second_; }

  private:
    void write();

    const Loop& loop_;
    TimePoint until_ = TimePoint::min();
    std::int64_t second_ = INT64_MIN;
    std::string text_;
};

/// Filled in by whoever decides, sent by the connection. Short heads need no heap, nor do small
/// bodies behind them.
struct Response {
    int status = 200;
    bool head_only = false;  ///< HEAD: the head says what a GET would give.
    fmt::basic_memory_buffer<char, 2048> head;

    // The body is at most one of `file` and `text`.
    std::shared_ptr<const void> owner;  ///< Keeps it alive: Variants, a page, a string.
    const Representation* file = nullptr;
    http::Slices slices;  ///< Of `file`; several are sent as `multipart`.
    std::optional<http::Multipart> multipart;
    std::string_view text;

    /// Starts the head: status line, and the lines that every head has (DateStamp).
    void begin(int code, std::string_view first_fields);
    void field(std::string_view name, std::string_view value);
    void lines(std::string_view whole_lines) { head.append(whole_lines); }
    void content_length(std::uint64_t bytes);
    /// Ends the head. `keep_alive` is said where the version's default is the other.
    void end(bool keep_alive, unsigned minor_version);

    /// A whole answer of its own, whatever was there before: a status with a line of text, such as
    /// "404 Not Found".
    void be_error(int code, std::string_view first_fields, std::string_view more_fields = {});

    [[nodiscard]] std::string_view head_text() const { return {head.data(), head.size()}; }
};

}  // namespace spate::serve
