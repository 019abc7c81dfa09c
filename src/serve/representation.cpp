#include "serve/representation.hpp"

#include <cerrno>
#include <ctime>
#include <span>
#include <string>
#include <utility>

#include <spate/io.hpp>

#include "serve/sidecars.hpp"
#include "serve/site.hpp"

namespace spate::serve {
namespace {

std::int64_t wall_clock_ns() {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME_COARSE, &now);
    return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

// Rounds down, also before 1970.
std::int64_t seconds(std::int64_t ns) {
    constexpr std::int64_t second = 1'000'000'000;
    return ns / second - (ns % second < 0 ? 1 : 0);
}

// Reads a small file whole. One that changes meanwhile is left to be sent from its descriptor.
Task<void> read_body(Loop& loop, Representation& representation) {
    const FileStatus& status = representation.file.status;
    const int fd = representation.file.fd.get();
    std::string body(status.size, '\0');
    const auto bytes = std::as_writable_bytes(std::span(body));
    std::size_t done = read_cached(fd, bytes, 0);
    while (done < body.size()) {
        auto rest = bytes.subspan(done);
        auto got = co_await read_at(loop, fd, rest, done);
        if (!got || *got == 0) co_return;
        done += *got;
    }
    auto after = status_of(fd);
    if (!after || *after != status) co_return;
    representation.body = std::move(body);
    representation.file.fd.reset();
}

// Then it is read whole, and kept.
bool fits_memory(SendWay way, std::uint64_t size) {
    return (way == SendWay::automatic || way == SendWay::memory) && size <= cheapest_in_memory;
}

bool fits_memory(const Site& site, const Representation& representation) {
    return fits_memory(site.options.send_way, representation.size());
}

// What a helper thread finds of a file that lies elsewhere.
struct RemoteParts {
    struct Part {
        OpenFile file;
        std::optional<std::string> body;
    };
    Part plain;
    std::array<std::optional<Part>, http::sidecar_codings.size()> coded;
};

RemoteParts::Part read_part(OpenFile file, SendWay way) {
    RemoteParts::Part part{std::move(file), std::nullopt};
    if (!part.file.remote || !fits_memory(way, part.file.status.size)) return part;
    auto bytes = part.file.remote->read_whole(part.file.status);
    if (!bytes) return part;
    part.body = std::move(*bytes);
    part.file.remote.reset();
    return part;
}

RemoteParts read_parts(const Root& root, const std::string& path, OpenFile file, SendWay way) {
    RemoteParts parts{read_part(std::move(file), way), {}};
    for (http::Coding coding : http::sidecar_codings) {
        auto opened = root.open_blocking(path + std::string(http::suffix_of(coding)));
        if (!opened || opened->status.kind != FileStatus::Kind::regular) continue;
        if (opened->status.modified_ns < parts.plain.file.status.modified_ns) continue;
        parts.coded[static_cast<std::size_t>(coding)] = read_part(std::move(*opened), way);
    }
    return parts;
}

// The same as a local file's, all of it on one helper thread.
Task<Result<std::shared_ptr<Variants>>> load_remote(const Site& site, Loop& loop, OpenFile file,
                                                    std::string_view path) {
    const auto handle = file.remote;
    auto job = [root = site.root, path = std::string(path), file = std::move(file),
                way = site.options.send_way]() mutable -> Result<RemoteParts> {
        return read_parts(root, path, std::move(file), way);
    };
    auto parts = co_await handle->disk().run(loop, std::move(job));
    if (!parts) co_return std::unexpected(parts.error());
    const std::string_view type = site.types.of(path);
    const auto representation = [type](RemoteParts::Part part, http::Coding coding) {
        Representation made(std::move(part.file), type, coding, wall_clock_ns());
        made.body = std::move(part.body);
        return made;
    };
    auto plain = representation(std::move(parts->plain), http::Coding::identity);
    auto variants = std::make_shared<Variants>(Variants{std::move(plain), {}});
    for (http::Coding coding : http::sidecar_codings) {
        const auto index = static_cast<std::size_t>(coding);
        if (auto& part = parts->coded[index])
            variants->coded[index] =
                std::make_unique<Representation>(representation(std::move(*part), coding));
    }
    co_return std::move(variants);
}

Task<std::unique_ptr<Representation>> load_sidecar(const Site& site, Loop& loop,
                                                   const Representation& plain,
                                                   std::string_view path, http::Coding coding) {
    const std::string name = std::string(path) + std::string(http::suffix_of(coding));
    std::string_view view(name);
    auto opened = co_await site.root.open(loop, view);
    std::unique_ptr<Representation> sidecar;
    if (!opened || opened->status.kind != FileStatus::Kind::regular) co_return sidecar;
    // Older than the file itself it was made of something else.
    if (opened->status.modified_ns < plain.file.status.modified_ns) co_return sidecar;
    sidecar = std::make_unique<Representation>(std::move(*opened), plain.content_type, coding,
                                               wall_clock_ns());
    if (fits_memory(site, *sidecar)) co_await read_body(loop, *sidecar);
    co_return sidecar;
}

// What an answer's head says of the file: written once, not for each answer.
void write_fields(Representation& representation, bool choice, const std::string& extra_fields) {
    std::string& fields = representation.whole_fields;
    fields = "Accept-Ranges: bytes\r\n";
    fields.append("ETag: ").append(representation.etag.view()).append("\r\n");
    fields.append("Last-Modified: ").append(representation.last_modified()).append("\r\n");
    if (representation.coding != http::Coding::identity)
        fields.append("Content-Encoding: ")
            .append(http::name_of(representation.coding))
            .append("\r\n");
    if (choice) fields += "Vary: Accept-Encoding\r\n";
    fields += extra_fields;
    representation.common_fields = fields.size();
    fields.append("Content-Type: ").append(representation.content_type).append("\r\n");
    fields.append("Content-Length: ").append(std::to_string(representation.size())).append("\r\n");
}

void write_all_fields(Variants& variants, const std::string& extra_fields) {
    const bool choice = variants.has_choice();
    write_fields(variants.plain, choice, extra_fields);
    for (auto& sidecar : variants.coded)
        if (sidecar) write_fields(*sidecar, choice, extra_fields);
}

}  // namespace

Representation::Representation(OpenFile opened, std::string_view type, http::Coding in,
                               std::int64_t now_ns)
    : file(std::move(opened)),
      coding(in),
      content_type(type),
      etag({file.status.size, file.status.modified_ns, file.status.inode}, now_ns,
           in == http::Coding::identity ? std::string_view{} : http::name_of(in)),
      // Never later than the answer itself (RFC 9110 §8.8.2.1).
      last_modified_s(seconds(std::min(file.status.modified_ns, now_ns))) {
    http::format_date(last_modified_s, last_modified_text);
}

bool Variants::has_choice() const {
    for (const auto& sidecar : coded)
        if (sidecar) return true;
    return false;
}

const Representation& Variants::choose(std::optional<std::string_view> accept) const {
    if (!accept || !has_choice()) return plain;
    for (http::Coding coding : http::negotiate(accept)) {
        if (coding == http::Coding::identity) return plain;
        if (const auto& sidecar = coded[static_cast<std::size_t>(coding)]) return *sidecar;
    }
    return plain;
}

std::size_t Representation::weight() const {
    return sizeof *this + whole_fields.capacity() + (body ? body->capacity() : 0);
}

std::size_t Variants::weight() const {
    std::size_t bytes = sizeof *this - sizeof plain + plain.weight();
    for (const auto& sidecar : coded)
        if (sidecar) bytes += sidecar->weight();
    return bytes;
}

std::size_t Variants::descriptors() const {
    const auto open = [](const OpenFile& file) { return file.fd.valid() || file.remote; };
    std::size_t count = open(plain.file) ? 1 : 0;
    for (const auto& sidecar : coded)
        if (sidecar && open(sidecar->file)) ++count;
    return count;
}

Task<Result<std::shared_ptr<Variants>>> load(const Site& site, Loop& loop, Sidecars& sidecars,
                                             std::string_view path) {
    auto opened = co_await site.root.open(loop, path);
    if (!opened) co_return std::unexpected(opened.error());
    if (opened->status.kind == FileStatus::Kind::folder) co_return fail(EISDIR, "open");
    if (opened->status.kind == FileStatus::Kind::other) co_return fail(ENOENT, "open");
    if (opened->remote) {
        auto remote = co_await load_remote(site, loop, std::move(*opened), path);
        if (remote) write_all_fields(**remote, site.extra_fields);
        co_return std::move(remote);
    }
    Representation plain(std::move(*opened), site.types.of(path), http::Coding::identity,
                         wall_clock_ns());
    auto variants = std::make_shared<Variants>(Variants{std::move(plain), {}});
    if (fits_memory(site, variants->plain)) co_await read_body(loop, variants->plain);
    if (!sidecars.none_beside(path)) {
        for (http::Coding coding : http::sidecar_codings)
            variants->coded[static_cast<std::size_t>(coding)] =
                co_await load_sidecar(site, loop, variants->plain, path, coding);
    }
    write_all_fields(*variants, site.extra_fields);
    co_return std::move(variants);
}

}  // namespace spate::serve
