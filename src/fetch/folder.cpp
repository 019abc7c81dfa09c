#include "fetch/folder.hpp"

#include <fmt/format.h>

#include <utility>

#include "fetch/exchange.hpp"
#include "fetch/output_name.hpp"
#include "fetch/retry.hpp"
#include "http/content_disposition.hpp"
#include "http/uri.hpp"
#include "term/units.hpp"

namespace spate::fetch {

namespace {

constexpr std::size_t most_listing = 256 * 1024 * 1024;
constexpr std::size_t listing_step = 256 * 1024;

using Text = std::expected<std::string, Trouble>;

Task<Text> receive_text(Connection& connection) {
    std::string text;
    while (text.size() < most_listing) {
        const std::size_t filled = text.size();
        text.resize(filled + listing_step);
        const auto room = std::as_writable_bytes(std::span(text)).subspan(filled);
        const auto got = co_await connection.receive_body(room);
        text.resize(filled + got.value_or(0));
        if (!got) co_return std::unexpected(trouble_of(got.error()));
        if (*got == 0) co_return text;
    }
    Failure failure{Exit::too_large, "a listing of more than " + term::format_size(most_listing)};
    co_return std::unexpected(final_trouble(std::move(failure)));
}

Task<Text> ask_for_listing(Session& session, Folder& folder) {
    Question question;
    question.first = folder.url;
    question.url = folder.url;
    question.accept = "application/json";
    auto answer = co_await put(session, question);
    if (!answer) co_return std::unexpected(std::move(answer.error()));
    Text text;
    if (const auto* failure = std::get_if<Failure>(&answer->decision)) {
        text = std::unexpected(final_trouble(*failure));
    } else if (const auto* later = std::get_if<Later>(&answer->decision)) {
        text = std::unexpected(Trouble{{Exit::refused, later->why}, true, later->retry_after_s});
    } else if (answer->response.content_type.value_or("").find("json") == std::string_view::npos) {
        text = std::unexpected(final_trouble(
            {Exit::nonsense, "no listing in JSON: -r needs a folder of spate serve"}));
    } else {
        text = co_await receive_text(*answer->connection);
        folder.url = answer->url;
    }
    co_await session.connections.give_back(std::move(answer->connection), answer->url);
    co_return text;
}

}  // namespace

Folder folder_of(const http::Url& url, std::string_view directory) {
    std::string_view path = std::string_view(url.target).substr(0, url.target.find('?'));
    while (path.ends_with('/'))
        path.remove_suffix(1);
    const std::string name = http::percent_decode(path.substr(path.rfind('/') + 1));
    Destination destination = destination_of(url, {}, directory);
    destination.name = http::safe_file_name(name).value_or("");
    Folder folder;
    folder.url = url;
    folder.path = destination.name.empty() ? destination.folder : destination.path();
    return folder;
}

Task<std::expected<std::vector<ListedEntry>, Failure>> list(Session& session, Folder& folder) {
    Backoff backoff(session.options.retry, session.seed);
    for (;;) {
        const auto text = co_await ask_for_listing(session, folder);
        if (text) {
            auto entries = parse_listing(*text);
            if (entries) co_return std::move(*entries);
            co_return std::unexpected(Failure{Exit::nonsense, entries.error()});
        }
        const Trouble& trouble = text.error();
        const auto delay = backoff.next(trouble.retry_after_s);
        if (!trouble.passing || !delay) co_return std::unexpected(trouble.failure);
        const bool slept = co_await session.loop.sleep_for(*delay);
        if (!slept) co_return std::unexpected(trouble.failure);
    }
}

http::Url url_of(const Folder& folder, const ListedEntry& entry) {
    http::Url url = folder.url;
    url.target.resize(std::min(url.target.find('?'), url.target.size()));
    url.target.resize(url.target.rfind('/') + 1);
    url.target += http::encode_path(entry.name);
    if (entry.folder) url.target += '/';
    return url;
}

}  // namespace spate::fetch
