#include "serve/respond.hpp"

#include <algorithm>
#include <cerrno>
#include <string>
#include <utility>
#include <vector>

#include "http/content_disposition.hpp"
#include "http/text.hpp"
#include "http/uri.hpp"
#include "http/weight.hpp"
#include "serve/listing.hpp"
#include "serve/listing_page.hpp"
#include "serve/plan.hpp"

namespace spate::serve {
namespace {

constexpr std::string_view allow = "Allow: GET, HEAD, OPTIONS\r\n";

int status_of_error(int code) {
    switch (code) {
        case EACCES:
        case EPERM:
            return 403;
        case EMFILE:
        case ENFILE:
        case ENOMEM:
        case ENOBUFS:
        case EBUSY:
        case ECANCELED:
            return 503;
        case ETIMEDOUT:  // a file system elsewhere does not answer
            return 504;
        case EIO:
            return 500;
        case ENAMETOOLONG:
            return 414;
        default:
            // ENOENT, ENOTDIR; EXDEV and ELOOP for what leads out; ENXIO for sockets.
            return 404;
    }
}

std::string_view last_segment(std::string_view path) {
    return path.substr(path.rfind('/') + 1);  // npos + 1 is 0
}

void answer_error(const Context& context, Response& response, int status) {
    const bool busy = status == 503;
    response.be_error(status, context.date.fields(), busy ? "Retry-After: 1\r\n" : "");
}

// Of the file its `slices`.
void answer_part(const Context& context, const Representation& file, Response& response) {
    if (response.slices.size() > 1) {
        const auto seed = context.loop.now().time_since_epoch().count();
        response.multipart.emplace(file.content_type, file.size(),
                                   static_cast<std::uint64_t>(seed));
        response.field("Content-Type", response.multipart->content_type());
        response.content_length(response.multipart->total_length(response.slices));
    } else {
        http::ContentRangeBuffer range;
        response.field("Content-Type", file.content_type);
        response.content_length(response.slices[0].length);
        response.field("Content-Range",
                       http::format_content_range(response.slices[0], file.size(), range));
    }
    response.lines(file.fields());
}

void answer_file(const Context& context, const http::Request& request, const http::Target& target,
                 std::shared_ptr<const Variants> variants, Response& response) {
    const Representation& file = variants->choose(request.accept_encoding);
    const std::string_view first_fields = context.date.fields();
    const FilePlan plan = plan_file(request, file.validators(), file.size(), context.date.now_s());
    http::ContentRangeBuffer range;
    switch (plan.status) {
        case 412:
            response.be_error(412, first_fields);
            return;
        case 416:
            response.be_error(416, first_fields);
            response.field("Content-Range", http::format_unsatisfied_range(file.size(), range));
            return;
        case 304:
            response.begin(304, first_fields);
            response.lines(file.fields());
            return;
        default:
            break;
    }
    response.begin(plan.status, first_fields);
    if (plan.status == 200) {
        if (file.size() != 0 && !response.slices.add({0, file.size()})) std::unreachable();
        response.lines(file.whole_fields);
    } else {
        response.slices = plan.slices;
        answer_part(context, file, response);
    }
    if (target.has_query && http::query_value(target.query, "download"))
        response.field("Content-Disposition", http::attachment(last_segment(target.path)));
    response.file = &file;
    response.owner = std::move(variants);
}

void answer_options(const Context& context, Response& response) {
    response.begin(204, context.date.fields());
    response.lines(allow);
    if (context.site.options.cors)
        response.lines(
            "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\r\n"
            "Access-Control-Allow-Headers: *\r\n"
            "Access-Control-Max-Age: 86400\r\n");
    response.lines(context.site.extra_fields);
}

void answer_redirect(const Context& context, const http::Target& target, Response& response) {
    response.be_error(301, context.date.fields());
    response.field("Location", http::directory_location(target));
}

// Whether --header has this field: it stands in for ours.
bool has_field(const std::vector<std::pair<std::string, std::string>>& headers,
               std::string_view name) {
    return std::ranges::any_of(
        headers, [name](const auto& each) { return http::is_same_in_any_case(each.first, name); });
}

bool wants_json(const http::Request& request, const ListingQuery& query) {
    if (query.format == ListingFormat::json) return true;
    return request.accept && http::prefers(*request.accept, "application/json", "text/html");
}

Task<void> answer_listing(const Context& context, const http::Request& request,
                          const http::Target& target, Response& response) {
    const Site& site = context.site;
    ListingQuery query = parse_listing_query(target.query);
    const bool json = wants_json(request, query);
    query.format = json ? ListingFormat::json : ListingFormat::html;
    const ListingKey key{std::string(target.path), std::move(query)};
    const auto page = co_await context.listings.get(key);
    if (!page) {
        answer_error(context, response, status_of_error(page.error().code));
        co_return;
    }
    response.begin(200, context.date.fields());
    response.field("Content-Type", json ? "application/json" : "text/html; charset=utf-8");
    response.content_length((*page)->text().size());
    response.lines("Vary: Accept\r\n");
    const auto unless_given = [&](std::string_view name, std::string_view value) {
        if (!has_field(site.options.headers, name)) response.field(name, value);
    };
    unless_given("Cache-Control", "no-cache");
    unless_given("X-Content-Type-Options", "nosniff");
    if (!json) unless_given("Content-Security-Policy", listing_security_policy());
    response.lines(site.extra_fields);
    if (response.head_only) co_return;
    response.text = (*page)->text();
    response.owner = *page;
}

Task<std::shared_ptr<const Variants>> find_file(const Context& context, std::string_view path,
                                                Error& error) {
    std::shared_ptr<Variants> variants = context.cache.find(path, context.loop.now());
    if (variants) co_return std::move(variants);
    auto loaded = co_await load(context.site, context.loop, context.sidecars, path);
    if (!loaded) {
        error = loaded.error();
        co_return nullptr;
    }
    context.cache.insert(path, *loaded, context.loop.now());
    co_return std::move(*loaded);
}

Task<void> answer_folder(const Context& context, const http::Request& request,
                         const http::Target& target, Response& response) {
    if (!target.names_directory) {
        answer_redirect(context, target, response);
        co_return;
    }
    const ServeOptions& options = context.site.options;
    // Whoever asks for JSON wants to know what there is: `spate get -r` fetches a site, too.
    const bool listing = options.listing && wants_json(request, parse_listing_query(target.query));
    if (!options.index.empty() && !listing) {
        std::string index(target.path);
        if (!index.empty()) index += '/';
        index += options.index;
        std::string_view view(index);
        Error error;
        auto variants = co_await find_file(context, view, error);
        if (variants) {
            http::Target file = target;
            file.path = view;
            answer_file(context, request, file, std::move(variants), response);
            if (options.listing) response.lines("Vary: Accept\r\n");
            co_return;
        }
        // An index that is there and cannot be had is no reason to show what is beside it.
        if (const int status = status_of_error(error.code); status != 404) {
            answer_error(context, response, status);
            co_return;
        }
    }
    if (options.listing)
        co_await answer_listing(context, request, target, response);
    else
        answer_error(context, response, 404);
}

// Answers that need no look at the file system; true if it was one.
bool answer_method(const Context& context, const http::Request& request, Response& response) {
    response.head_only = request.method == http::Method::head;
    switch (request.method) {
        case http::Method::get:
        case http::Method::head:
            break;
        case http::Method::options:
            answer_options(context, response);
            return true;
        case http::Method::registered:
            response.be_error(405, context.date.fields(), allow);
            return true;
        case http::Method::other:
            response.be_error(501, context.date.fields());
            return true;
    }
    // HTTP/1.0 knows no expectations (RFC 9110 §10.1.1).
    if (request.minor_version > 0 && request.expect && !request.expects_continue()) {
        response.be_error(417, context.date.fields());
        return true;
    }
    return false;
}

bool is_forbidden(const Context& context, const http::Target& target) {
    return !context.site.options.dotfiles && http::is_hidden(target.path);
}

}  // namespace

bool respond_cached(const Context& context, const http::Request& request, Response& response) {
    if (answer_method(context, request, response)) return true;
    char buffer[256];
    if (request.target.size() >= sizeof buffer) return false;
    const auto target = http::parse_target(request.target, buffer);
    if (!target || target->names_directory || is_forbidden(context, *target)) return false;
    auto variants = context.cache.find(target->path, context.loop.now());
    if (!variants) return false;
    answer_file(context, request, *target, std::move(variants), response);
    return true;
}

Task<void> respond(const Context& context, const http::Request& request, Response& response) {
    std::vector<char> buffer(request.target.size() + 1);
    auto target = http::parse_target(request.target, buffer);
    if (!target) {
        response.be_error(target.error().status, context.date.fields());
        co_return;
    }
    if (is_forbidden(context, *target)) {
        answer_error(context, response, 404);
        co_return;
    }
    Error error;
    auto variants = co_await find_file(context, target->path, error);
    if (variants && !target->names_directory)
        answer_file(context, request, *target, std::move(variants), response);
    else if (variants)
        answer_error(context, response, 404);  // "/file/" names nothing
    else if (error.code == EISDIR)
        co_await answer_folder(context, request, *target, response);
    else
        answer_error(context, response, status_of_error(error.code));
}

}  // namespace spate::serve
