// One thread of the far end: its datagram socket, and the streams that it was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include <spate/condition.hpp>
#include <spate/loop.hpp>
#include <spate/stop.hpp>
#include <spate/tcp.hpp>
#include <spate/udp.hpp>

#include "load/alarm_clock.hpp"
#include "load/control_message.hpp"
#include "load/flow.hpp"
#include "load/schedule.hpp"
#include "load/sink.hpp"

namespace spate::load {

/// A run as it was agreed on.
struct SinkRun {
    Hello hello;
    std::string host;  ///< The client's: datagrams are sent nowhere else.
};

/// Everything but its making and open() happens on its loop's thread.
class SinkWorker {
  public:
    SinkWorker(Loop& loop, const SinkOptions& options) : loop_(loop), options_(options) {}
    SinkWorker(const SinkWorker&) = delete;
    SinkWorker& operator=(const SinkWorker&) = delete;

    /// The datagram socket, before the loop runs.
    Result<void> open(const Address& address);
    /// Until shut().
    [[nodiscard]] Task<void> run();

    void begin(const std::shared_ptr<const SinkRun>& run);
    /// A stream that has sent nothing yet, or its preamble.
    void adopt(Fd socket);
    void start(std::uint64_t run, bool measured);
    void measure(std::uint64_t run);
    /// Sends no more, waits for what is on its way, `at_once` but shortly, and then calls `done`.
    void stop(std::uint64_t run, bool at_once, std::function<void(const FarCounts&)> done);
    /// Forgets the run, whatever it is doing.
    void end(std::uint64_t run);
    void shut();

    /// Datagrams and streams of no run.
    [[nodiscard]] std::uint64_t strays() const { return strays_; }
    [[nodiscard]] std::uint64_t refused() const { return refused_; }

  private:
    struct Part;
    // One flow's place here: where it comes from and goes to, and what came.
    struct Flow {
        Flow(const FlowInfo& info, Part& its_part, const Address& its_peer)
            : receiver(info), part(its_part), peer(its_peer) {}
        FlowReceiver receiver;
        Part& part;
        Address peer;
    };
    // A run's part in this thread. Lives as long as one of its tasks does.
    struct Part {
        Part(std::shared_ptr<const SinkRun> its_run, StopToken stop)
            : run(std::move(its_run)), over(stop) {}
        [[nodiscard]] bool counts_datagrams() const {
            return run->hello.kind == Kind::udp_stream && sends(run->hello.direction);
        }
        std::shared_ptr<const SinkRun> run;
        Event started;
        StopSource over;  // its streams end
        Condition moved;  // a sender or receiver has ended
        bool measured = false;
        bool stopping = false;
        std::size_t sending = 0;
        std::size_t receiving = 0;
        std::map<std::uint32_t, std::unique_ptr<Flow>> flows;
        std::size_t streams = 0;
        FarCounts counts;
        std::uint32_t drops_before = 0;
        TimePoint start_at;
        TimePoint last_arrival;
    };
    using Shared = std::shared_ptr<Part>;

    [[nodiscard]] Shared find(std::uint64_t run) const;
    void mark_measured(Part& part, std::uint32_t drops_before);
    [[nodiscard]] Task<void> finish(Shared part, bool at_once,
                                    std::function<void(const FarCounts&)> done);
    [[nodiscard]] Task<Result<void>> rest(Part& part);
    void send_no_more(Part& part);

    // Streams: sink_streams.cpp.
    [[nodiscard]] Task<void> serve(Fd socket);
    [[nodiscard]] Task<void> attend(TcpStream& stream);
    [[nodiscard]] Task<void> carry(TcpStream& stream, Shared part, std::uint32_t flow);
    [[nodiscard]] Task<void> receive_stream(TcpStream& stream, Shared part);
    [[nodiscard]] Task<void> send_stream(TcpStream& stream, Shared part, std::uint32_t flow);

    // Datagrams: sink_flows.cpp.
    void take(const Datagram& datagram);
    void take_knock(const Datagram& datagram, const DatagramHead& head);
    [[nodiscard]] Flow* find_flow(const DatagramHead& head);
    [[nodiscard]] Task<void> answer(Address peer, DatagramHead head);
    [[nodiscard]] Task<void> send_flow(Shared part, Flow& flow, FlowInfo info);
    [[nodiscard]] Task<void> listen();

    Loop& loop_;
    const SinkOptions& options_;
    AlarmClock clock_{loop_};
    std::unique_ptr<UdpSocket> socket_;
    std::map<std::uint64_t, Shared> parts_;
    // The flow that the last datagram was of: most often the next one's as well.
    Flow* recent_ = nullptr;
    DatagramHead recent_head_;
    StopSource stop_;  // all streams end
    std::size_t streams_ = 0;
    std::uint32_t drops_seen_ = 0;  // before the datagrams in hand
    std::size_t answering_ = 0;
    std::uint64_t strays_ = 0;
    std::uint64_t refused_ = 0;
    Event shut_;
};

/// What one of the far end's senders owes by when.
class Pacer {
  public:
    /// The `flow`-th of `hello.flows`; sends as fast as may be without a rate.
    Pacer(const Hello& hello, std::uint32_t flow, TimePoint start);
    /// How many are due, at most `most`.
    [[nodiscard]] std::size_t due(TimePoint now, std::size_t most);
    /// When the next is.
    [[nodiscard]] TimePoint next() const;

  private:
    std::optional<Schedule> schedule_;
    TimePoint start_;
};

}  // namespace spate::load
