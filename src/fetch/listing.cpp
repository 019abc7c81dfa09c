#include "fetch/listing.hpp"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "http/uri.hpp"
#include "term/escape.hpp"

namespace spate::fetch {

namespace {

using Json = nlohmann::json;

bool is_component(std::string_view name) {
    constexpr std::string_view separators("/\0", 2);
    return !name.empty() && name != "." && name != ".." && name.size() <= 255 &&
           name.find_first_of(separators) == std::string_view::npos;
}

const Json* member(const Json& object, const char* key) {
    const auto found = object.find(key);
    return found == object.end() ? nullptr : &*found;
}

// Other servers may write fractions. What no file can have is no time at all: converting a double
// that does not fit is undefined.
std::optional<std::int64_t> whole_seconds(const Json& json) {
    constexpr double most = 1e15;  // 30 million years
    if (!json.is_number()) return std::nullopt;
    const double seconds = json.get<double>();
    if (!(seconds >= -most && seconds <= most)) return std::nullopt;
    return json.is_number_float() ? static_cast<std::int64_t>(std::floor(seconds))
                                  : json.get<std::int64_t>();
}

std::expected<ListedEntry, std::string> parse_entry(const Json& json) {
    if (!json.is_object()) return std::unexpected("the listing has an entry that is no object");
    const Json* const name = member(json, "name");
    const Json* const type = member(json, "type");
    if (name == nullptr || !name->is_string() || type == nullptr || !type->is_string()) {
        return std::unexpected("the listing has an entry without name or type");
    }
    ListedEntry entry;
    entry.folder = *type == "folder";
    const Json* const link = member(json, "link");
    entry.link = link != nullptr && *link == true;
    entry.name = name->get_ref<const std::string&>();
    const Json* const href = member(json, "href");
    if (href != nullptr && href->is_string()) {
        std::string_view escaped = href->get_ref<const std::string&>();
        if (entry.folder && escaped.ends_with('/')) escaped.remove_suffix(1);
        entry.name = http::percent_decode(escaped);
    }
    if (!is_component(entry.name)) {
        return std::unexpected(
            fmt::format("the listing has a dangerous name: '{}'", term::printable(entry.name)));
    }
    const Json* const size = member(json, "size");
    if (size != nullptr && size->is_number_unsigned()) entry.size = size->get<std::uint64_t>();
    const Json* const modified = member(json, "mtime");
    if (modified != nullptr) entry.modified_s = whole_seconds(*modified);
    return entry;
}

}  // namespace

std::expected<std::vector<ListedEntry>, std::string> parse_listing(std::string_view json) {
    const Json listing = Json::parse(json, nullptr, /*allow_exceptions=*/false);
    if (!listing.is_object()) return std::unexpected("the answer is not a JSON listing");
    const Json* const entries = member(listing, "entries");
    if (entries == nullptr || !entries->is_array()) {
        return std::unexpected("the JSON is not a listing of a folder");
    }
    std::vector<ListedEntry> result;
    result.reserve(entries->size());
    for (const Json& json_entry : *entries) {
        auto entry = parse_entry(json_entry);
        if (!entry) return std::unexpected(std::move(entry.error()));
        result.push_back(std::move(*entry));
    }
    return result;
}

}  // namespace spate::fetch
