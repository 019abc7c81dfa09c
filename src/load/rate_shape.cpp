#include "load/rate_shape.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "term/escape.hpp"
#include "term/units.hpp"

namespace spate::load {
namespace {

constexpr double ns_per_s = 1e9;

double length_ns(const RateShape::Piece& piece) {
    return piece.length.count() == 0 ? std::numeric_limits<double>::infinity()
                                     : static_cast<double>(piece.length.count());
}

// Requests due in the first `time_ns` of a piece: the area under its rate.
double count_in(const RateShape::Piece& piece, double time_ns) {
    const double time = time_ns / ns_per_s;
    if (piece.from == piece.to) return piece.from * time;
    const double growth = (piece.to - piece.from) / (length_ns(piece) / ns_per_s);
    return piece.from * time + growth * time * time / 2;
}

// The inverse: ns into the piece until `count` are due.
double time_in(const RateShape::Piece& piece, double count) {
    if (piece.from == piece.to) return count / piece.from * ns_per_s;
    const double growth = (piece.to - piece.from) / (length_ns(piece) / ns_per_s);
    // Of the two forms of the root, the one without cancellation.
    const double root = std::sqrt(std::max(0.0, piece.from * piece.from + 2 * growth * count));
    return 2 * count / (piece.from + root) * ns_per_s;
}

using Problem = std::unexpected<std::string>;

Problem problem(std::string_view text, const char* what) {
    return Problem(fmt::format("'{}': {}", term::printable(text), what));
}

std::expected<double, std::string> parse_rate(std::string_view text) {
    const auto rate = term::parse_frequency(text);
    if (!rate || *rate == 0)
        return problem(text, "not a rate; write requests per second: 500, 50k, 1.5M");
    if (*rate > highest_rate) return problem(text, "more than 1G requests per second");
    return *rate;
}

std::expected<RateShape::Piece, std::string> parse_piece(std::string_view text) {
    RateShape::Piece piece;
    std::string_view rates = text;
    // "/s" behind a rate is not a time.
    const auto slash = text.rfind('/');
    if (slash != std::string_view::npos && text.substr(slash) != "/s") {
        const auto length = term::parse_duration(text.substr(slash + 1));
        if (!length) return Problem(length.error());
        if (length->count() == 0) return problem(text, "a time of nothing");
        piece.length = *length;
        rates = text.substr(0, slash);
    }
    const auto dots = rates.find("..");
    const auto from = parse_rate(rates.substr(0, dots));
    if (!from) return Problem(from.error());
    const auto to = dots == std::string_view::npos ? from : parse_rate(rates.substr(dots + 2));
    if (!to) return Problem(to.error());
    piece.from = *from;
    piece.to = *to;
    return piece;
}

}  // namespace

RateShape::RateShape(const std::vector<Piece>& pieces) {
    Placed placed;
    for (const Piece& piece : pieces) {
        placed.piece = piece;
        pieces_.push_back(placed);
        placed.starts_ns += length_ns(piece);
        placed.count_before += count_in(piece, length_ns(piece));
    }
}

RateShape RateShape::constant(double rate) {
    return RateShape({Piece{rate, rate, {}}});
}

std::expected<RateShape, std::string> RateShape::parse(std::string_view text) {
    std::vector<Piece> pieces;
    for (std::string_view rest = text;;) {
        const auto comma = rest.find(',');
        auto piece = parse_piece(rest.substr(0, comma));
        if (!piece) return Problem(piece.error());
        pieces.push_back(*piece);
        if (comma == std::string_view::npos) break;
        rest.remove_prefix(comma + 1);
    }
    for (std::size_t index = pieces.size() - 1; index-- > 0;)
        if (pieces[index].length.count() == 0) pieces[index].length = pieces[index + 1].length;
    for (std::size_t index = 0; index < pieces.size(); ++index) {
        const Piece& piece = pieces[index];
        if (piece.length.count() != 0) continue;
        if (index + 1 != pieces.size() || piece.from != piece.to)
            return problem(text, "how long? write 1k..100k/10s, or 1k,10k/5s");
    }
    return RateShape(pieces);
}

std::optional<std::chrono::nanoseconds> RateShape::length() const {
    std::chrono::nanoseconds sum{0};
    for (const Placed& placed : pieces_) {
        if (placed.piece.length.count() == 0) return std::nullopt;
        sum += placed.piece.length;
    }
    return sum;
}

bool RateShape::is_constant() const {
    return pieces_.size() == 1 && pieces_[0].piece.from == pieces_[0].piece.to;
}

double RateShape::mean_rate(std::chrono::nanoseconds from,
                            std::chrono::nanoseconds duration) const {
    if (duration.count() <= 0) return first_rate();
    const double count = due_by(from + duration) - due_by(from);
    return count / (static_cast<double>(duration.count()) / ns_per_s);
}

double RateShape::due_by(std::chrono::nanoseconds time) const {
    const auto time_ns = static_cast<double>(time.count());
    for (std::size_t index = 0;; ++index) {
        const Placed& placed = pieces_[index];
        const double into = time_ns - placed.starts_ns;
        const bool last = index + 1 == pieces_.size();
        if (into <= length_ns(placed.piece))
            return placed.count_before + count_in(placed.piece, into);
        // Beyond the last piece its end's rate goes on.
        if (last) {
            const double beyond = into - length_ns(placed.piece);
            return placed.count_before + count_in(placed.piece, length_ns(placed.piece)) +
                   placed.piece.to * beyond / ns_per_s;
        }
    }
}

double RateShape::time_of(double count, std::size_t& hint) const {
    while (hint + 1 < pieces_.size() && pieces_[hint + 1].count_before <= count)
        ++hint;
    const Placed& placed = pieces_[hint];
    const double into = count - placed.count_before;
    const double length = length_ns(placed.piece);
    const bool endless = length == std::numeric_limits<double>::infinity();
    const double in_piece =
        endless ? std::numeric_limits<double>::infinity() : count_in(placed.piece, length);
    if (into <= in_piece) return placed.starts_ns + time_in(placed.piece, into);
    return placed.starts_ns + length + (into - in_piece) / placed.piece.to * ns_per_s;
}

}  // namespace spate::load
