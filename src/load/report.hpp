// All that a run has to say: what was planned, what came of it, and whether to believe it.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "load/failure.hpp"
#include "load/histogram.hpp"

namespace spate::load {

using Nanoseconds = std::chrono::nanoseconds;

/// Whether the client waits for answers before it asks again, and if not, what spaces requests.
enum class Model : std::uint8_t { closed, constant, poisson };

/// Where and by whom a run was made.
struct RunInfo {
    std::string version;
    std::vector<std::string> argv;
    std::int64_t started_ns = 0;  ///< Since 1970.
    std::string kernel;
    std::string cpu;
    unsigned processors = 0;
};

struct PlanInfo {
    /// "http", "tcp-echo", "tcp-stream", "tcp-connect", "udp-echo", "udp-stream".
    std::string kind;
    Model model = Model::closed;
    double rate = 0;         ///< Requests per second wanted, of all together; 0 in a closed loop.
    std::string rate_shape;  ///< "1k..100k/10s" where the rate changes; else empty.
    unsigned connections = 0;
    unsigned threads = 0;
    unsigned pipeline = 1;
    Nanoseconds duration{0};  ///< Nanoseconds::max(): until so many requests are answered.
    Nanoseconds warmup{0};
    std::optional<Nanoseconds> most_backlog;  ///< What is later than that is shed.
    std::uint64_t seed = 0;
    std::vector<std::string> targets;
};

/// Of what was planned: where less was sent, a rate was missed.
inline constexpr double rate_kept = 0.995;

/// One line whose sum checks: planned = ok + http_error + net_error + timeout + in_flight + shed.
struct Totals {
    std::uint64_t planned = 0;
    std::uint64_t sent = 0;  ///< Given to the kernel; `planned` less what never got a connection.
    std::uint64_t ok = 0;
    std::uint64_t http_error = 0;
    std::uint64_t net_error = 0;
    std::uint64_t timeout = 0;
    std::uint64_t in_flight = 0;  ///< At the end neither answered nor failed, sent or not.
    std::uint64_t shed = 0;       ///< Given up before they were sent, for waiting too long.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;

    [[nodiscard]] std::uint64_t accounted() const { return ok + failed() + in_flight; }
    /// What ended, and not well.
    [[nodiscard]] std::uint64_t failed() const { return http_error + net_error + timeout + shed; }
    Totals& operator+=(const Totals& other);
};

struct ErrorInfo {
    Failure failure = Failure::dns;
    std::uint64_t count = 0;
    std::int64_t first_ns = 0;  ///< From the run's start.
    std::int64_t last_ns = 0;
    std::string sample;  ///< One line about the first of them.
};

struct ConnectionInfo {
    std::uint64_t opened = 0;
    std::uint64_t used = 0;  ///< Of those, the ones that were ever asked something.
    std::uint64_t reconnects = 0;
    std::uint64_t fewest_requests = 0;  ///< Per connection slot.
    std::uint64_t most_requests = 0;
};

struct IntervalInfo {
    std::int64_t start_ns = 0;  ///< From the run's start, after the warm-up.
    std::int64_t length_ns = 0;
    std::uint64_t planned = 0;
    std::uint64_t sent = 0;
    std::uint64_t ok = 0;
    std::uint64_t errors = 0;
    std::optional<std::uint64_t> p50;  ///< Of the latency, ns; nothing where too few were counted.
    std::optional<std::uint64_t> p99;
    std::uint64_t max = 0;
    std::int64_t client_cpu_ns = 0;
    std::optional<std::int64_t> server_cpu_ns;
    double steal = 0;  ///< Share of all processors' time that the host took away, 0 to 1.
    std::uint64_t bytes_in = 0;
    std::uint64_t bytes_out = 0;
};

struct CpuInfo {
    std::int64_t user_ns = 0;
    std::int64_t system_ns = 0;
    [[nodiscard]] std::int64_t total_ns() const { return user_ns + system_ns; }
};

/// What the client can say of itself.
struct ClientInfo {
    CpuInfo cpu;
    bool kept_up = true;
    double busiest_thread = 0;  ///< Share of its time that the busiest thread worked, 0 to 1.
    std::uint64_t late = 0;     ///< Requests sent over 1 ms late, though a connection was free.
};

struct MachineInfo {
    double steal = 0;                    ///< Share of all processors' time, 0 to 1.
    std::optional<double> cpu_pressure;  ///< Share of the run that tasks waited for a processor.
};

struct WarningInfo {
    std::string code;  ///< "client_busy", "rate_missed", ...: stable, for programs.
    std::string text;
};

struct SloInfo {
    std::string expression;  ///< "p99<5ms"
    double value = 0;        ///< ns, or a share, or per second: what the expression compares.
    bool ok = false;
};

/// Datagrams: what the receiver counted.
struct DatagramInfo {
    double received_pps = 0;
    double received_bits_per_s = 0;
    std::uint64_t received = 0;
    std::uint64_t lost = 0;  ///< Sent, never received: duplicates do not make up for them.
    std::uint64_t duplicated = 0;
    std::uint64_t reordered = 0;
    double jitter_ns = 0;                    ///< RFC 3550 section 6.4.1.
    std::uint64_t lost_sender = 0;           ///< Never left: no buffer space (ENOBUFS).
    std::uint64_t lost_receiver_buffer = 0;  ///< Dropped at the full socket (SO_RXQ_OVFL).
    std::uint64_t lost_unexplained = 0;
};

/// What a run's processor time is divided by.
struct Work {
    double amount = 0;
    std::string unit;  ///< "req", "datagram" or "MiB".
};

struct Report {
    RunInfo run;
    PlanInfo plan;
    Totals totals;
    bool cut_short = false;  ///< Ended early, by a signal.
    Nanoseconds elapsed{0};  ///< That the totals are of: rates are totals by this.
    Histogram latency;       ///< From the planned time to the whole answer.
    Histogram service;       ///< From the real send.
    Histogram send_lag;      ///< From the planned time to the real send.
    Histogram connect;
    Histogram first_byte;  ///< From the real send to the answer's first byte.
    Histogram failed;      ///< From the planned time to the failure.
    std::map<int, std::uint64_t> by_status;
    std::vector<ErrorInfo> errors;
    ConnectionInfo connections;
    std::vector<IntervalInfo> intervals;
    ClientInfo client;
    std::optional<CpuInfo> server;
    std::string server_name;  ///< "pid 4711 (--server-pid)" or "far end".
    MachineInfo machine;
    std::vector<WarningInfo> warnings;
    std::vector<SloInfo> slo;
    std::optional<DatagramInfo> datagrams;
    /// One-way streams, as the receivers counted them: bytes from us to the far end and back.
    struct Streams {
        std::uint64_t bytes_to_far_end = 0;
        std::uint64_t bytes_from_far_end = 0;
    };
    std::optional<Streams> streams;
    unsigned merged_from = 1;  ///< Runs that this is the sum of.

    /// Answered (ok and HTTP errors), per second.
    [[nodiscard]] double answered_per_s() const;
    [[nodiscard]] double ok_per_s() const;
    [[nodiscard]] double sent_per_s() const;
    /// Answers; of one-way runs what arrived: datagrams, or MiB both ways.
    [[nodiscard]] Work work() const;
    /// Processor time for one unit of work, ns; nothing when no work was done.
    [[nodiscard]] std::optional<double> per_work(const CpuInfo& cpu) const;
};

}  // namespace spate::load
