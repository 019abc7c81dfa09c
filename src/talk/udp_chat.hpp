// `spate udp chat`: everybody who writes to a port, and whoever one writes to.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <spate/offload.hpp>
#include <spate/task.hpp>
#include <spate/udp.hpp>

#include "talk/conversation.hpp"
#include "talk/dump.hpp"
#include "talk/line_editor.hpp"
#include "talk/standard.hpp"
#include "talk/text.hpp"
#include "talk/udp_text.hpp"

namespace spate::talk {

struct ChatOptions {
    TextOptions text;
    std::string nick;  ///< Put before what is said; empty for none.
    int family = AF_UNSPEC;
    std::optional<Address> peer;  ///< To talk to at first. A group has been joined.
    unsigned interface = 0;       ///< Where groups are joined; 0 lets the system choose.
};

class UdpChat {
  public:
    /// What it names outlives it. On a terminal it edits lines and keeps them apart from what
    /// arrives; else it reads lines and writes lines.
    UdpChat(Loop& loop, UdpSocket& socket, Input& input, Output& output, Dump& dump,
            const ChatOptions& options);

    /// Until /quit, the end of input or a stop; closes the socket. Piped, exit 1 if a message was
    /// not sent or nobody was there.
    [[nodiscard]] Task<Ending> run();
    /// The terminal has another size.
    void redraw();
    /// Around a stop of this process (Ctrl-Z, fg).
    void suspend();
    void resume();

  private:
    struct Peer {
        Address address;
        std::uint64_t messages = 0;
        WallTime last{};
    };

    [[nodiscard]] Task<Result<void>> hear();
    [[nodiscard]] Task<void> read();
    [[nodiscard]] Task<void> read_terminal();
    [[nodiscard]] Task<void> read_lines();
    [[nodiscard]] Task<void> handle(std::string line);
    [[nodiscard]] Task<void> say(std::string text);
    [[nodiscard]] Task<void> choose(std::string name);
    [[nodiscard]] Task<void> put(std::string text);
    [[nodiscard]] Task<void> take(const Datagram& datagram, WallTime now);
    Peer& meet(const Address& address);
    [[nodiscard]] bool own_echo(const Address& from, std::string_view payload);
    [[nodiscard]] bool over() const { return quit_ || !failure_.empty(); }
    [[nodiscard]] std::string list_peers() const;
    [[nodiscard]] std::string prompt() const;
    [[nodiscard]] bool join_group(const Address& group);

    Loop& loop_;
    UdpSocket& socket_;
    Input& input_;
    Output& output_;
    Dump& dump_;
    const ChatOptions& options_;
    WireToText from_wire_;
    TextToWire to_wire_;
    std::string nick_;
    bool hex_;
    bool colour_;
    std::optional<Address> target_;
    std::vector<Peer> peers_;
    std::vector<Address> groups_;
    std::deque<std::string> said_to_many_;  // which comes back to who said it
    std::unique_ptr<LineEditor> editor_;
    Offload offload_;  // Looks names up.
    bool quit_ = false;
    bool something_failed_ = false;  // a message that was not sent, or that nobody took
    std::string failure_;            // that ended it
};

}  // namespace spate::talk
