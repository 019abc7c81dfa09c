// `spate tcp listen`: many clients, and what is done with each.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <string>

#include <spate/condition.hpp>
#include <spate/loop.hpp>
#include <spate/task.hpp>
#include <spate/task_group.hpp>
#include <spate/tcp.hpp>

#include "talk/conversation.hpp"
#include "talk/dump.hpp"
#include "talk/standard.hpp"

namespace spate::talk {

class Child;

enum class HostMode : std::uint8_t {
    show,       ///< What clients say goes to standard output, standard input to all of them.
    reply,      ///< One answer to the first that a client says, then its connection ends.
    echo,       ///< Back to who said it.
    broadcast,  ///< A room: each line to all others, with who said it.
    exec,       ///< A program a client, the socket its standard input and output.
};

struct HostOptions {
    ConversationOptions conversation;
    HostMode mode = HostMode::show;
    std::string reply;           ///< HostMode::reply: bytes for the wire.
    std::string command;         ///< HostMode::exec: for /bin/sh -c.
    bool exec_anywhere = false;  ///< Also for clients that are not on this host.
    bool once = false;           ///< Ends with its first client.
    bool quiet = false;
    unsigned most_connections = 0;  ///< Further ones wait in the backlog; 0 is no limit.
};

class TcpHost {
  public:
    /// `reply` and `command` are used as they are; what it names outlives it.
    /// With `most_connections` the listener takes none ahead.
    TcpHost(TcpListener& listener, Input& input, Output& output, Dump& dump,
            const HostOptions& options);

    /// Until it is stopped, or the first client has left with `once`. Programs have two seconds
    /// to end when it is stopped.
    [[nodiscard]] Task<Ending> run();
    /// Kills the programs that still run: for who does not wait for the end of run().
    void kill_programs();

  private:
    class Member;
    [[nodiscard]] Task<void> accept_all();
    [[nodiscard]] Task<void> all_left();
    [[nodiscard]] Task<void> serve(Fd socket);
    [[nodiscard]] Task<Ending> converse(TcpStream& stream, const std::string& peer);
    [[nodiscard]] Task<void> serve_member(Fd socket, std::string peer);
    [[nodiscard]] Task<void> attend(TcpStream& stream, std::string peer);
    [[nodiscard]] Task<Result<void>> hear(Member& member);
    [[nodiscard]] Task<Result<void>> answer(Member& member, std::span<const std::byte> bytes);
    [[nodiscard]] Task<Result<void>> show(Member& member, std::span<const std::byte> bytes);
    [[nodiscard]] Task<Result<void>> write(std::string text);
    void hear_lines(Member& member, std::span<const std::byte> bytes);
    void tell_others(const Member& member, std::string_view line);
    void tell(Member& member, std::string_view bytes);
    [[nodiscard]] Task<void> wait_for_the_slow();
    [[nodiscard]] bool somebody_is_slow() const;
    [[nodiscard]] Task<Result<void>> until_nobody_is_slow();
    [[nodiscard]] bool is_stuck(Member& member) const;
    [[nodiscard]] Task<void> execute(Fd socket, std::string peer);
    [[nodiscard]] Task<void> hand_out_input();
    void came(const std::string& peer);
    void left(const std::string& peer, const Activity& activity, int code);

    TcpListener& listener_;
    Loop& loop_;
    Input& input_;
    Output& output_;
    Dump& dump_;
    const HostOptions& options_;
    const bool terminal_;         // standard output, which gets text alone
    TaskGroup* group_ = nullptr;  // whose token clients are served under
    std::list<Member*> members_;
    std::list<Child*> children_;
    unsigned connections_ = 0;
    Condition changed_;  // a member came, left or took what waited for it
    Ending ending_;
};

}  // namespace spate::talk
