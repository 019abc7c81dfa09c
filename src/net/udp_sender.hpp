// The sending half of a UdpSocket.
#pragma once

#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <span>

#include <spate/condition.hpp>
#include <spate/loop.hpp>
#include <spate/op.hpp>
#include <spate/stop.hpp>
#include <spate/timer.hpp>
#include <spate/udp.hpp>

#include "net/segmentation.hpp"
#include "net/udp_errors.hpp"

namespace spate {

class UdpSender {
  public:
    /// `fd` and `errors` outlive it. Unix sockets know no segments: `segmented_below` 0.
    UdpSender(Loop& loop, int fd, UdpErrors& errors, bool drop_when_full,
              std::size_t segmented_below);
    UdpSender(const UdpSender&) = delete;
    UdpSender& operator=(const UdpSender&) = delete;

    [[nodiscard]] Task<Result<std::size_t>> send(std::span<const UdpSocket::Outgoing> batch);

    /// Who sends is told ECANCELED; what the kernel has is the caller's to cancel.
    void begin_closing();
    /// Waits until the kernel has let go of every message.
    [[nodiscard]] Task<void> ended();

    [[nodiscard]] std::uint64_t dropped() const { return dropped_; }
    [[nodiscard]] std::size_t segmented_below() const { return segmented_below_; }

  private:
    // What one call of send() waits for.
    struct Burst : StopWaiter {
        explicit Burst(UdpSender& its_sender) : sender(its_sender) {}
        static void stop(StopWaiter& waiter);
        UdpSender& sender;
        bool stopped = false;
        std::size_t running = 0;
        std::size_t sent = 0;
        std::int32_t first_error = 0;
        std::coroutine_handle<> waiter;
    };
    // One sendmsg(2). Kept from one burst to the next: sending allocates nothing.
    struct Message : Op {
        Message() : Op(&completed) {}
        void start(Burst& of);
        void submit();
        // After a refusal the datagrams go one by one, from the first.
        void begin_singly();
        bool next_single();
        bool try_again(int code);
        void put_off();
        void remember_refusal();
        void count(Completion completion);
        void end(Completion completion);
        void give_back();
        /// Closing, or asked to stop: no second try.
        [[nodiscard]] bool gives_up() const { return sender->closing_ || burst->stopped; }
        static void completed(Op& op, Completion completion);

        UdpSender* sender = nullptr;
        Burst* burst = nullptr;
        Message* next_free = nullptr;  // or the next that is put off
        SegmentedPayload payload;
        msghdr header{};
        iovec single{};
        std::size_t single_part = 0;  // which part `single` is of
        bool singly = false;
        bool retried = false;
        int refusal = 0;  // why segments were refused, until a datagram alone has left
        alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control{};
    };
    class Retry : public Timer {
      public:
        explicit Retry(UdpSender& owner) : Timer(&due), sender(owner) {}
        static void due(Timer& timer);
        UdpSender& sender;
    };
    struct AllSent {
        Burst& burst;
        bool await_ready() const { return burst.running == 0; }
        void await_suspend(std::coroutine_handle<> waiter) { burst.waiter = waiter; }
        void await_resume() const {}
    };
    // Messages in the kernel's hands at a time; few enough for a submission queue.
    static constexpr std::size_t most_messages = 64;

    void retry_now();
    [[nodiscard]] Message* take_message();
    [[nodiscard]] Task<Message*> wait_for_message();
    [[nodiscard]] static bool is_refusal(int code);

    Loop& loop_;
    UdpErrors& errors_;
    int fd_;
    bool drop_when_full_;
    bool closing_ = false;
    std::size_t segmented_below_;
    std::uint64_t dropped_ = 0;
    std::size_t running_ = 0;
    std::array<Message, most_messages> messages_;
    Message* free_ = nullptr;
    Condition message_returned_;
    Event ended_;
    Message* put_off_ = nullptr;  // until retry_
    Retry retry_{*this};
};

}  // namespace spate
