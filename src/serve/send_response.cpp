#include "serve/send_response.hpp"

#include <span>
#include <string>
#include <string_view>

namespace spate::serve {
namespace {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text));
}

// Memory at a limited rate: in pieces, as they are allowed.
Task<Result<void>> send_paced(TcpStream& stream, std::string_view head, std::string_view body,
                              const SendLimits& limits, std::uint64_t& body_bytes) {
    auto head_sent = co_await stream.send(head, !body.empty());
    if (!head_sent) co_return head_sent;
    while (!body.empty()) {
        auto allowed = co_await pace(stream, body.size(), limits.stream_pacer, limits.shared_pacer,
                                     limits.stall);
        if (!allowed) co_return std::unexpected(allowed.error());
        auto sent = co_await stream.send(body.substr(0, *allowed));
        if (!sent) co_return sent;
        body.remove_prefix(*allowed);
        body_bytes += *allowed;
    }
    co_return Result<void>{};
}

Task<Result<void>> send_memory(TcpStream& stream, std::string_view head, std::string_view body,
                               const SendLimits& limits, std::uint64_t& body_bytes) {
    stream.set_stall_limit(limits.stall);
    if (is_paced(limits.stream_pacer, limits.shared_pacer) && !body.empty())
        co_return co_await send_paced(stream, head, body, limits, body_bytes);
    const auto first = bytes_of(head);
    const auto second = bytes_of(body);
    auto sent = co_await stream.send(first, second, limits.more);
    if (sent) body_bytes += body.size();
    co_return sent;
}

// A small body of a file that is held in memory.
bool fits_behind_head(const Response& response) {
    return !response.head_only && response.file != nullptr && response.file->body &&
           response.slices.size() == 1 &&
           response.head.size() + response.slices[0].length <= response.head.capacity();
}

Task<Result<void>> send_slice(TcpStream& stream, std::string_view head, const Representation& file,
                              http::Slice slice, const SendLimits& limits,
                              std::uint64_t& body_bytes) {
    if (file.body) {
        const auto part = std::string_view(*file.body).substr(slice.offset, slice.length);
        co_return co_await send_memory(stream, head, part, limits, body_bytes);
    }
    SendFileOptions options;
    options.way = limits.way;
    options.stall_limit = limits.stall;
    options.stream_pacer = limits.stream_pacer;
    options.shared_pacer = limits.shared_pacer;
    options.resident = &file.resident;
    options.remote = file.file.remote.get();
    const auto first = bytes_of(head);
    const int fd = file.file.fd.get();
    co_return co_await send_file(stream, first, fd, slice.offset, slice.length, options,
                                 body_bytes);
}

Task<Result<void>> send_several(TcpStream& stream, const Response& response,
                                const SendLimits& limits, std::uint64_t& body_bytes) {
    std::string head(response.head_text());
    for (const http::Slice slice : response.slices) {
        head += response.multipart->part_head(slice);
        std::string_view view(head);
        auto sent = co_await send_slice(stream, view, *response.file, slice, limits, body_bytes);
        if (!sent) co_return sent;
        head.clear();
    }
    const std::string closing = response.multipart->closing();
    std::string_view view(closing);
    co_return co_await send_memory(stream, view, std::string_view(), limits, body_bytes);
}

}  // namespace

bool join_body(Response& response, const SendLimits& limits) {
    if (!fits_behind_head(response)) return false;
    if (is_paced(limits.stream_pacer, limits.shared_pacer)) return false;
    const http::Slice slice = response.slices[0];
    response.head.append(std::string_view(*response.file->body).substr(slice.offset, slice.length));
    return true;
}

Task<Result<void>> send_response(TcpStream& stream, Response& response, const SendLimits& limits,
                                 std::uint64_t& body_bytes) {
    const std::string_view head = response.head_text();
    if (response.head_only || (response.slices.empty() && response.text.empty()))
        return send_memory(stream, head, {}, limits, body_bytes);
    if (response.file == nullptr)
        return send_memory(stream, head, response.text, limits, body_bytes);
    if (response.multipart) return send_several(stream, response, limits, body_bytes);
    return send_slice(stream, head, *response.file, response.slices[0], limits, body_bytes);
}

}  // namespace spate::serve
