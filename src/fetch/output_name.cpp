#include "fetch/output_name.hpp"

#include <fmt/format.h>

#include "fetch/fnv.hpp"
#include "http/content_disposition.hpp"

namespace spate::fetch {

namespace {

constexpr std::size_t name_limit = 255;  // NAME_MAX
constexpr std::string_view part_suffix = ".part";
constexpr std::string_view notes_suffix = ".part.spate";

}  // namespace

std::string Destination::path() const {
    if (folder.empty()) return name;
    return folder == "/" ? folder + name : folder + '/' + name;
}

Destination destination_of(const http::Url& url, std::string_view output,
                           std::string_view directory) {
    Destination destination;
    if (output == "-") {
        destination.standard_output = true;
        return destination;
    }
    if (!output.starts_with('/')) {
        while (directory.size() > 1 && directory.ends_with('/'))
            directory.remove_suffix(1);
        destination.folder = directory;
    }
    destination.name = !output.empty()
                           ? std::string(output)
                           : http::safe_file_name(url.file_name()).value_or("index.html");
    return destination;
}

Destination renamed(const Destination& destination, std::string_view content_disposition) {
    Destination result = destination;
    const auto proposed = http::proposed_name(content_disposition);
    if (!proposed) return result;
    if (const auto safe = http::safe_file_name(*proposed)) result.name = *safe;
    return result;
}

PartPaths part_paths(std::string_view path) {
    const std::size_t name_at = path.rfind('/') + 1;  // npos + 1 is 0
    std::string_view name = path.substr(name_at);
    std::string stem(path);
    if (name.size() + notes_suffix.size() > name_limit && name.size() <= name_limit) {
        const std::string mark = fmt::format("~{:016x}", fnv1a(name));
        name = name.substr(0, name_limit - notes_suffix.size() - mark.size());
        stem = fmt::format("{}{}{}", path.substr(0, name_at), name, mark);
    }
    return {stem + std::string(part_suffix), stem + std::string(notes_suffix)};
}

}  // namespace spate::fetch
