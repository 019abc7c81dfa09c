#include "fetch/connection.hpp"

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <cstring>
#include <variant>

namespace spate::fetch {

namespace {

constexpr std::size_t head_step = 16 * 1024;
// Heads that only say "wait": more than a few in a row and the server is not serious.
constexpr int most_interim_heads = 16;

}  // namespace

Task<Result<http::Response>> Connection::ask(std::string_view request) {
    ++exchanges_;
    auto sent = co_await stream_.send(request);
    if (!sent) co_return std::unexpected(sent.error());
    head_.clear();
    std::size_t begin = 0;  // of the head to parse, after interim ones
    for (int interim = 0; interim < most_interim_heads;) {
        const auto parsed = http::parse_response(std::string_view(head_).substr(begin));
        if (const auto* bad = std::get_if<http::Bad>(&parsed)) co_return fail(EPROTO, bad->reason);
        if (const auto* whole = std::get_if<http::Complete<http::Response>>(&parsed)) {
            begin += whole->head_size;
            if (whole->message.status < 200) {
                ++interim;
                continue;
            }
            surplus_ = std::string_view(head_).substr(begin);
            begin_body(whole->message);
            co_return whole->message;
        }
        const std::size_t filled = head_.size();
        head_.resize(filled + head_step);
        const auto room = std::as_writable_bytes(std::span(head_)).subspan(filled);
        auto got = co_await stream_.receive_into(room);
        head_.resize(filled + got.value_or(0));
        if (!got) co_return std::unexpected(got.error());
        if (*got == 0) co_return fail(ENODATA, "closed without an answer");
    }
    co_return fail(EPROTO, "interim answers without end");
}

Task<Result<http::Response>> Connection::ask_by_name(std::string_view name) {
    ++exchanges_;
    auto sent = co_await stream_.send(name);
    if (!sent) co_return std::unexpected(sent.error());
    stream_.finish_sending();
    http::Response response;
    response.status = 200;
    surplus_ = {};
    begin_body(response);
    co_return response;
}

void Connection::begin_body(const http::Response& response) {
    keep_alive_ = response.keep_alive;
    decoder_ = {};
    left_ = 0;
    if (!response.may_have_body()) {
        framing_ = Framing::length;
    } else if (response.chunked) {
        framing_ = Framing::chunked;
    } else if (response.content_length) {
        framing_ = Framing::length;
        left_ = *response.content_length;
    } else {
        framing_ = Framing::until_close;
    }
    ended_ = framing_ == Framing::length && left_ == 0;
}

Task<Result<std::size_t>> Connection::receive_raw(std::span<std::byte> into) {
    if (surplus_.empty()) co_return co_await stream_.receive_into(into);
    const std::size_t count = std::min(surplus_.size(), into.size());
    std::memcpy(into.data(), surplus_.data(), count);
    surplus_.remove_prefix(count);
    co_return count;
}

Task<Result<std::size_t>> Connection::receive_body(std::span<std::byte> into) {
    assert(!into.empty());
    // Framing without payload is bounded by the decoder.
    while (!ended_) {
        if (framing_ == Framing::length && into.size() > left_) into = into.first(left_);
        auto got = co_await receive_raw(into);
        if (!got) co_return got;
        if (*got == 0) {
            ended_ = framing_ == Framing::until_close;
            keep_alive_ = false;
            if (ended_) co_return std::size_t{0};
            co_return fail(ENODATA, "the connection ended before the file did");
        }
        if (framing_ == Framing::until_close) co_return got;
        if (framing_ == Framing::length) {
            left_ -= *got;
            ended_ = left_ == 0;
            co_return got;
        }
        const auto payload = unchunk(into.first(*got));
        if (!payload || *payload > 0) co_return payload;
    }
    co_return std::size_t{0};
}

Result<std::size_t> Connection::unchunk(std::span<std::byte> bytes) {
    std::size_t payload = 0;
    std::size_t read = 0;
    while (read < bytes.size() && !ended_) {
        const auto rest = bytes.subspan(read);
        const auto piece = decoder_.next({reinterpret_cast<const char*>(rest.data()), rest.size()});
        if (piece.state == http::BodyState::bad) return fail(EPROTO, "broken chunks");
        // Framing alone carries none, and memmove takes no null pointer.
        if (!piece.payload.empty())
            std::memmove(bytes.data() + payload, piece.payload.data(), piece.payload.size());
        payload += piece.payload.size();
        read += piece.consumed;
        ended_ = piece.state == http::BodyState::done;
    }
    // Bytes after the last chunk answer nothing that was asked.
    if (read < bytes.size()) keep_alive_ = false;
    return payload;
}

bool Connection::reusable() const {
    return ended_ && keep_alive_ && surplus_.empty();
}

}  // namespace spate::fetch
