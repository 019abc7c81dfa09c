#include "http/body.hpp"

#include <algorithm>

namespace spate::http {

BodySkipper::Progress BodySkipper::feed(std::string_view bytes) {
    Progress progress;
    if (!chunked_) {
        progress.consumed = std::min<std::uint64_t>(left_, bytes.size());
        left_ -= progress.consumed;
        progress.state = left_ == 0 ? BodyState::done : BodyState::more;
        return progress;
    }
    do {
        const ChunkedDecoder::Piece piece = decoder_.next(bytes.substr(progress.consumed));
        progress.consumed += piece.consumed;
        progress.state = piece.state;
    } while (progress.state == BodyState::more && progress.consumed < bytes.size());
    return progress;
}

}  // namespace spate::http
