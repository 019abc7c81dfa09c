#include "load/response_reader.hpp"

#include <algorithm>
#include <variant>

#include "http/response.hpp"

namespace spate::load {
namespace {

constexpr std::uint64_t endless = std::numeric_limits<std::uint64_t>::max();
// Heads that only say "wait": more in a row and the server is not serious.
constexpr int most_interim = 16;

ResponseShape shape_of(const http::Response& response, bool answers_head) {
    using Framing = ResponseShape::Framing;
    ResponseShape shape{response.status, response.keep_alive, Framing::length, 0};
    if (answers_head || !response.may_have_body()) return shape;
    if (response.chunked)
        shape.framing = Framing::chunked;
    else if (response.content_length)
        shape.length = *response.content_length;
    else
        // Nothing can follow, whatever its fields say.
        shape = {response.status, false, Framing::until_close, 0};
    return shape;
}

}  // namespace

void ResponseReader::begin(KnownHead& known, bool answers_head) {
    known_ = &known;
    answers_head_ = answers_head;
    stage_ = Stage::head;
    interim_ = 0;
    pending_.clear();
}

ResponseReader::Step ResponseReader::refuse(const char* reason) {
    reason_ = reason;
    return {State::bad, 0, {}};
}

ResponseReader::Step ResponseReader::read(std::string_view bytes) {
    if (bytes.empty()) return {};
    if (stage_ == Stage::head) return read_head(bytes);
    if (stage_ == Stage::body) return read_body(bytes);
    return {State::done, 0, {}};
}

ResponseReader::Step ResponseReader::read_head(std::string_view bytes) {
    if (pending_.empty() && !known_->text.empty() && bytes.starts_with(known_->text)) {
        shape_ = known_->shape;
        begin_body();
        return {stage_ == Stage::done ? State::done : State::more, known_->text.size(), {}};
    }
    const std::size_t before = pending_.size();
    const bool in_pieces = before != 0;
    if (in_pieces) pending_.append(bytes);
    const std::string_view head = in_pieces ? std::string_view(pending_) : bytes;
    const auto parsed = http::parse_response(head);
    if (const auto* bad = std::get_if<http::Bad>(&parsed)) return refuse(bad->reason);
    const auto* whole = std::get_if<http::Complete<http::Response>>(&parsed);
    if (whole == nullptr) {
        if (!in_pieces) pending_.assign(bytes);
        return {State::more, bytes.size(), {}};
    }
    const std::size_t consumed = whole->head_size - before;
    if (whole->message.status < 200) {
        if (++interim_ > most_interim) return refuse("interim answers without end");
        pending_.clear();
        return {State::more, consumed, {}};
    }
    shape_ = shape_of(whole->message, answers_head_);
    known_->text.assign(head.substr(0, whole->head_size));
    known_->shape = shape_;
    pending_.clear();
    begin_body();
    return {stage_ == Stage::done ? State::done : State::more, consumed, {}};
}

void ResponseReader::begin_body() {
    using Framing = ResponseShape::Framing;
    left_ = shape_.framing == Framing::length ? shape_.length : endless;
    if (shape_.framing == Framing::chunked) chunks_ = {};
    stage_ = left_ == 0 ? Stage::done : Stage::body;
}

ResponseReader::Step ResponseReader::read_body(std::string_view bytes) {
    if (shape_.framing == ResponseShape::Framing::chunked) {
        const auto piece = chunks_.next(bytes);
        if (piece.state == http::BodyState::bad) return refuse("broken chunks");
        if (piece.state == http::BodyState::done) stage_ = Stage::done;
        return {stage_ == Stage::done ? State::done : State::more, piece.consumed, piece.payload};
    }
    const std::size_t here = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
    return {skipped(here), here, bytes.substr(0, here)};
}

ResponseReader::State ResponseReader::skipped(std::uint64_t count) {
    if (left_ != endless) left_ -= count;
    if (left_ == 0) stage_ = Stage::done;
    return stage_ == Stage::done ? State::done : State::more;
}

ResponseReader::State ResponseReader::end_of_stream() {
    if (stage_ == Stage::body && shape_.framing == ResponseShape::Framing::until_close) {
        stage_ = Stage::done;
        return State::done;
    }
    reason_ = stage_ == Stage::head && pending_.empty() ? "closed without an answer"
                                                        : "closed amid an answer";
    return State::bad;
}

}  // namespace spate::load
