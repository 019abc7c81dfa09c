#include "fetch/exchange.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <utility>

#include "fetch/request.hpp"
#include "http/uri.hpp"
#include "term/escape.hpp"

namespace spate::fetch {

std::int64_t wall_clock_s() {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    return std::chrono::duration_cast<std::chrono::seconds>(now).count();
}

std::string read_boot_id() {
    std::ifstream file("/proc/sys/kernel/random/boot_id");
    std::string id;
    std::getline(file, id);
    return id;
}

Trouble trouble_of(const Error& error) {
    Trouble trouble;
    trouble.passing = is_network_error(error.code);
    if (error.code == EPROTO) {
        trouble.failure = {Exit::nonsense,
                           fmt::format("the answer makes no sense: {}", error.what)};
    } else if (error.code == ENODATA) {
        trouble.failure = {Exit::gave_up, error.what};
    } else if (error.code == ETIMEDOUT) {
        trouble.failure = {Exit::gave_up, "nothing comes any more"};
    } else {
        trouble.failure = {Exit::gave_up,
                           fmt::format("connection lost: {}", std::strerror(error.code))};
    }
    return trouble;
}

namespace {

using MaybeResponse = Result<http::Response>;

Task<MaybeResponse> ask_once(Session& session, Connection& connection, const http::Url& url,
                             const Question& question) {
    const Duration patience = session.options.network.stall_patience;
    const bool patient = patience == Duration{0};
    connection.stream().set_deadline(patient ? no_deadline : session.loop.now() + patience);
    if (url.scheme == "name") {
        const std::string name = http::percent_decode(std::string_view(url.target).substr(1));
        co_return co_await connection.ask_by_name(name);
    }
    RequestOptions request = session.options.request;
    request.accept = question.accept;
    const std::string text = build_request(url, question.first, question.ask, request);
    co_return co_await connection.ask(text);
}

// On a connection that waited to be used again, the server may have hung up at any time: then
// the question is put once more, on a new one.
Task<std::expected<Answer, Trouble>> ask_at(Session& session, const http::Url& url,
                                            const Question& question) {
    auto opened = co_await session.connections.open(url);
    if (!opened) co_return std::unexpected(std::move(opened.error()));
    auto connection = std::move(*opened);
    auto response = co_await ask_once(session, *connection, url, question);
    if (!response && connection->used() && is_network_error(response.error().code)) {
        co_await connection->close();
        opened = co_await session.connections.open_new(url);
        if (!opened) co_return std::unexpected(std::move(opened.error()));
        connection = std::move(*opened);
        response = co_await ask_once(session, *connection, url, question);
    }
    if (!response) {
        co_await connection->close();
        co_return std::unexpected(trouble_of(response.error()));
    }
    Answer answer;
    answer.connection = std::move(connection);
    answer.url = url;
    answer.response = *response;
    answer.decision = decide(*response, question.ask, question.known, wall_clock_s());
    co_return std::move(answer);
}

Trouble hopeless(std::string text) {
    return final_trouble({Exit::nonsense, std::move(text)});
}

}  // namespace

Task<std::expected<Answer, Trouble>> put(Session& session, const Question& question) {
    http::Url url = question.url;
    const unsigned most = session.options.network.most_redirects;
    for (unsigned redirects = 0; redirects <= most; ++redirects) {
        auto answer = co_await ask_at(session, url, question);
        if (!answer) co_return answer;
        const auto* follow = std::get_if<Follow>(&answer->decision);
        if (follow == nullptr) co_return answer;
        auto next = http::resolve_location(url, follow->location);
        // Its body would have to be read first.
        co_await answer->connection->close();
        if (!next)
            co_return std::unexpected(hopeless("a redirect to nowhere: " + next.error().text));
        if (next->scheme != "http") {
            co_return std::unexpected(hopeless(
                fmt::format("redirected to {}:// and only http:// is spoken here", next->scheme)));
        }
        url = std::move(*next);
    }
    co_return std::unexpected(hopeless(fmt::format("more than {} redirects", most)));
}

}  // namespace spate::fetch
