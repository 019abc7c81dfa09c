#include "fetch/listing.hpp"

#include <fmt/format.h>

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
    if (modified != nullptr && modified->is_number()) {
        entry.modified_s = modified->get<std::int64_t>();
    }
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
