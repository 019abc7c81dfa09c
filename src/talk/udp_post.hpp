// `spate udp send`: datagrams to one peer, and what comes back.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

#include <spate/condition.hpp>
#include <spate/task.hpp>
#include <spate/udp.hpp>

#include "talk/conversation.hpp"
#include "talk/dump.hpp"
#include "talk/standard.hpp"
#include "talk/text.hpp"

namespace spate::talk {

struct PostOptions {
    TextOptions text;
    std::string name;  ///< The peer as it was typed.
    std::optional<std::string>
        payload;              ///< Bytes; without it, or a file, a datagram for each line.
    std::string file;         ///< That the input is, whole, in datagrams of `piece`.
    std::size_t piece = 0;    ///< Bytes.
    std::uint64_t count = 1;  ///< How often the whole is sent; 0 is without end.
    Duration interval{0};     ///< Between datagrams.
    Duration wait_reply{0};   ///< For the first answer; 0 waits for none.
    bool quiet = false;
};

/// What is typed, as a datagram's payload: text, or its bytes with `options.hex`. The error says
/// what is wrong.
[[nodiscard]] std::expected<std::string, std::string> payload_of(std::string_view typed,
                                                                 TextToWire& wire,
                                                                 const TextOptions& options);

class UdpPost {
  public:
    /// What it names outlives it.
    UdpPost(Loop& loop, UdpSocket& socket, const Address& peer, Input& input, Output& output,
            Dump& dump, const PostOptions& options);

    /// Exit 1 if not everything could be sent, the network said that nobody is there, or no answer
    /// came. Closes the socket at its end.
    [[nodiscard]] Task<Ending> run();

  private:
    [[nodiscard]] Task<void> hear();
    [[nodiscard]] Task<bool> send(std::string_view bytes);
    [[nodiscard]] Task<void> send_payload();
    [[nodiscard]] Task<void> send_file();
    [[nodiscard]] Task<bool> send_pieces();
    [[nodiscard]] Task<void> send_lines();
    [[nodiscard]] Task<Result<void>> answered();
    void refuse(std::string_view why);
    void give_up(std::string why);

    Loop& loop_;
    UdpSocket& socket_;
    const Address& peer_;
    Input& input_;
    Output& output_;
    Dump& dump_;
    const PostOptions& options_;
    Condition heard_;  // an answer or an error
    bool answered_ = false;
    std::uint64_t sent_ = 0;
    bool gave_up_ = false;
    std::string failure_;
};

}  // namespace spate::talk
