// One stream, and the standard streams of this process: `spate tcp connect`, `listen --once`.
#pragma once

#include <string>

#include <spate/condition.hpp>
#include <spate/task.hpp>
#include <spate/task_group.hpp>
#include <spate/tcp.hpp>

#include "talk/dump.hpp"
#include "talk/relay.hpp"
#include "talk/standard.hpp"
#include "talk/text.hpp"

namespace spate::talk {

/// How a command ended: an exit code, and a line about what was wrong unless it is empty.
struct Ending {
    int exit = 0;
    std::string message;
};

struct ConversationOptions {
    TextOptions text;
    Duration idle_timeout{0};  ///< Ends it when nothing has moved for so long; 0 is never.
    bool raw = false;          ///< Bytes reach a terminal as they are.
    /// An input that ends before its first byte says nothing to the peer: a listener has often
    /// no input, and the peer may still be sending.
    bool keep_open_without_input = false;
};

/// How what is on the wire is shown: a terminal gets text alone, UTF-8 unless another encoding is
/// named.
[[nodiscard]] TextOptions shown_on(bool terminal, const ConversationOptions& options);

/// Standard input to the peer, the peer to standard output. The input's end is told to the peer,
/// who may go on; the peer's end ends it, with 0, when what the input has ready is sent as well:
/// all of a file, a pipe until it has been quiet for half a second, nothing more of a terminal. A
/// reset ends it with 1, and so does a peer that takes no more of what it is sent, or a line that
/// has no place in the encoding and was not sent.
class Conversation {
  public:
    /// What it names outlives it.
    Conversation(TcpStream& stream, std::string peer, Input& input, Output& output, Dump& dump,
                 const ConversationOptions& options);

    /// Closes the stream at its end. Asked to stop it ends amid what it does, with 1.
    [[nodiscard]] Task<Ending> run();

    [[nodiscard]] const Activity& activity() const { return activity_; }

  private:
    [[nodiscard]] Task<void> send_all();
    [[nodiscard]] Task<Relayed> send_lines();
    [[nodiscard]] Task<Relayed> send_bytes(std::expected<std::string, EncodingError> bytes);
    [[nodiscard]] Task<Relayed> show_all();
    [[nodiscard]] Task<void> finish_sending(const TaskGroup& sending);
    [[nodiscard]] Task<Result<void>> end_of_sending();
    [[nodiscard]] Ending ending_of(const Relayed& received) const;

    TcpStream& stream_;
    std::string peer_;
    Input& input_;
    Output& output_;
    Dump& dump_;
    const ConversationOptions& options_;
    Activity activity_;
    Condition sending_ended_;
    bool line_was_refused_ = false;
    Relayed sent_;
};

}  // namespace spate::talk
