// The receiving half of a UdpSocket.
#pragma once

#include <sys/socket.h>

#include <coroutine>
#include <cstdint>
#include <memory>

#include <spate/buffer.hpp>
#include <spate/loop.hpp>
#include <spate/op.hpp>
#include <spate/stop.hpp>
#include <spate/timer.hpp>
#include <spate/udp.hpp>

#include "net/udp_errors.hpp"

namespace spate {

class UdpReceiver {
  public:
    /// `fd` and `errors` outlive it.
    UdpReceiver(Loop& loop, int fd, UdpErrors& errors);
    UdpReceiver(const UdpReceiver&) = delete;
    UdpReceiver& operator=(const UdpReceiver&) = delete;

    Result<void> open_buffers(const UdpOptions& options);
    [[nodiscard]] Task<Result<void>> receive(DatagramBatch& batch);

    /// Who receives is told ECANCELED; what the kernel has is the caller's to cancel.
    void begin_closing();
    /// Waits until the kernel has let go.
    [[nodiscard]] Task<void> ended();

    [[nodiscard]] std::uint64_t lost() const { return lost_; }

  private:
    class ReceiveOp : public Op {
      public:
        explicit ReceiveOp(UdpReceiver& owner) : Op(&arrived), receiver(owner) {}
        static void arrived(Op& op, Completion completion);
        UdpReceiver& receiver;
    };
    class Hunger : public Starved {
      public:
        explicit Hunger(UdpReceiver& owner) : Starved(&fed), receiver(owner) {}
        static void fed(Starved& starved);
        UdpReceiver& receiver;
    };
    // Awaitable: there is news, or a stop; false for the latter.
    class Arrival : StopWaiter {
      public:
        explicit Arrival(UdpReceiver& receiver) : receiver_(receiver) {}
        bool await_ready() const { return false; }
        template <typename Promise>
        bool await_suspend(std::coroutine_handle<Promise> waiter) {
            return start(waiter, stop_of(waiter));
        }
        bool await_resume() {
            leave();
            return !stopped_;
        }

      private:
        friend class UdpReceiver;
        bool start(std::coroutine_handle<> waiter, StopToken stop);
        static void stopped(StopWaiter& waiter);
        UdpReceiver& receiver_;
        std::coroutine_handle<> waiter_;
        bool stopped_ = false;
    };
    class Backoff : public Timer {
      public:
        explicit Backoff(UdpReceiver& owner) : Timer(&over), receiver(owner) {}
        static void over(Timer& timer);
        UdpReceiver& receiver;
    };
    [[nodiscard]] bool has_news() const {
        return !received_.empty() || !errors_.empty() || closing_;
    }
    void arm();
    void wake();
    void arm_unless_waiting();
    void fill(DatagramBatch& batch);
    [[nodiscard]] bool parse(const Lease& lease, Datagram& datagram);
    void parse_control(const cmsghdr& control, Datagram& datagram);

    Loop& loop_;
    int fd_;
    UdpErrors& errors_;
    std::unique_ptr<BufferRing> buffers_;
    msghdr layout_{};
    ReceiveOp receive_op_{*this};
    Hunger hunger_{*this};
    Backoff backoff_{*this};
    BufferRing::Queue received_;
    Arrival* waiter_ = nullptr;
    Event ended_;
    std::uint64_t lost_ = 0;
    bool failed_ = false;  // for no reason that concerns a datagram, the last time
    bool closing_ = false;
};

}  // namespace spate
