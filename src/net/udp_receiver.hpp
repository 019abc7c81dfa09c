// The receiving half of a UdpSocket.
#pragma once

#include <sys/socket.h>

#include <coroutine>
#include <cstdint>
#include <memory>

#include <spate/buffer.hpp>
#include <spate/loop.hpp>
#include <spate/op.hpp>
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
    struct Arrival {
        UdpReceiver& receiver;
        bool await_ready() const { return receiver.has_news(); }
        void await_suspend(std::coroutine_handle<> waiter);
        void await_resume() const {}
    };
    [[nodiscard]] bool has_news() const {
        return !received_.empty() || !errors_.empty() || closing_;
    }
    void arm();
    void fill(DatagramBatch& batch);
    void parse(const Lease& lease, Datagram& datagram);
    void parse_control(const cmsghdr& control, Datagram& datagram);

    Loop& loop_;
    int fd_;
    UdpErrors& errors_;
    std::unique_ptr<BufferRing> buffers_;
    msghdr layout_{};
    ReceiveOp receive_op_{*this};
    Hunger hunger_{*this};
    BufferRing::Queue received_;
    std::coroutine_handle<> waiter_;
    Event ended_;
    std::uint64_t lost_ = 0;
    bool closing_ = false;
};

}  // namespace spate
