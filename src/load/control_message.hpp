// What the two ends of a one-way load tell each other beside the data: a JSON object a line.
// docs/PROTOCOLS.md lists them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "load/one_way.hpp"
#include "load/plan.hpp"
#include "load/report.hpp"
#include "load/sequence.hpp"

namespace spate::load {

/// A line that is longer than this is none of ours.
constexpr std::size_t most_line_bytes = 4096;
/// Of one run.
constexpr std::uint32_t most_flows = 1024;
constexpr std::size_t most_message_bytes = std::size_t{1} << 30;

/// The client's first line: the run that it would like to make.
struct Hello {
    std::uint64_t run = 0;  ///< Drawn by chance: who does not know it is not part of it.
    Kind kind = Kind::tcp_stream;
    Direction direction = Direction::send;
    std::size_t message_bytes = 0;
    std::uint32_t flows = 0;  ///< Or streams.
    double rate = 0;          ///< Messages a second from the far end, all flows together; 0: any.
    std::string rate_shape;   ///< Instead of it where the rate changes, as RateShape reads it.
    bool poisson = false;     ///< Random gaps between them.
    std::uint64_t seed = 0;   ///< Of those.
    bool segmented = true;    ///< Datagrams from the far end leave by GSO.
    /// Of a rate that several clients ask for together, the part that this one has.
    std::uint64_t slice = 0;
    std::uint64_t slices = 1;
};

/// What the client says afterwards.
enum class Order : std::uint8_t {
    start,           ///< Send, from now on. Answered, as soon as all threads know.
    start_measured,  ///< The same where there is no warm-up.
    measure,         ///< The warm-up is over. Not answered.
    stop,            ///< Send no more, and tell what came. Answered by FarCounts.
    stop_at_once,    ///< The same, waiting but shortly for what is on its way.
};

/// What the far end has counted in one run, from its measured part on unless it says otherwise.
struct FarCounts {
    std::uint64_t bytes_received = 0;  ///< Of streams, warm-up included; of datagrams, payload.
    std::uint64_t bytes_sent = 0;      ///< The same.
    std::uint64_t messages_sent =
        0;  ///< Streams: warm-up included. Datagrams: given to the kernel.
    std::uint64_t datagrams_numbered = 0;  ///< Meant to be sent: more than were where some failed.
    FlowCounts flows;
    std::uint64_t kernel_drops = 0;  ///< At the sockets that the run's datagrams came to.
    std::uint64_t strays = 0;        ///< Datagrams in its flows that made no sense.
    CpuInfo cpu;                     ///< Of the far end's process.

    FarCounts& operator+=(const FarCounts& other);
};

// Lines, without the line feed. Errors are sentences, safe to print.
[[nodiscard]] std::string encode(const Hello& hello);
[[nodiscard]] std::string encode(Order order);
[[nodiscard]] std::string encode(const FarCounts& counts);
[[nodiscard]] std::string encode_refusal(std::string_view why);
[[nodiscard]] std::string encode_consent();

[[nodiscard]] std::expected<Hello, std::string> read_hello(std::string_view line);
[[nodiscard]] std::expected<Order, std::string> read_order(std::string_view line);
/// The error is the far end's, or says that this is no answer.
[[nodiscard]] std::expected<void, std::string> read_consent(std::string_view line);
[[nodiscard]] std::expected<FarCounts, std::string> read_counts(std::string_view line);

}  // namespace spate::load
