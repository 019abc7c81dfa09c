#include "serve/icon.hpp"

#include <algorithm>
#include <array>
#include <string>
#include <unordered_map>

namespace spate::serve {

namespace {

struct Family {
    std::string_view icon;
    std::string_view extensions;  // lower case, separated by spaces
};

constexpr std::array<Family, 7> families{{
    {"archive",
     "7z apk br bz2 cab cpio deb dmg gz img iso jar lz lz4 lzma rar rpm tar tbz tgz "
     "txz war whl xz zip zst"},
    {"audio", "aac aif aiff flac m4a mid midi mp3 oga ogg opus wav weba wma"},
    {"code",
     "asm awk bash c cc clj cmake cpp cs css cxx dart diff el erl ex fish go h hh hpp "
     "hs html htm ini ipynb java js json jsx kt lua m mjs ml nim patch php pl ps1 py r "
     "rb rs s scala scss sh sql svelte swift tcl toml ts tsx vim vue wasm xhtml xml "
     "yaml yml zig"},
    {"image",
     "avif bmp cr2 gif heic heif ico jpeg jpg jxl nef png psd raw svg tif tiff webp "
     "xcf"},
    {"pdf", "pdf"},
    {"text",
     "adoc bib csv doc docx epub log markdown md nfo odt org pages rst rtf srt tex "
     "text tsv txt vtt"},
    {"video", "3gp avi flv m2ts m4v mkv mov mp4 mpeg mpg mts ogv webm wmv"},
}};

using IconOfExtension = std::unordered_map<std::string_view, std::string_view>;

IconOfExtension index_families() {
    IconOfExtension icons;
    for (const Family& family : families) {
        for (std::string_view rest = family.extensions; !rest.empty();) {
            const std::size_t end = std::min(rest.find(' '), rest.size());
            icons.emplace(rest.substr(0, end), family.icon);
            rest.remove_prefix(std::min(end + 1, rest.size()));
        }
    }
    return icons;
}

}  // namespace

std::string_view icon_of(const Entry& entry) {
    if (entry.kind == EntryKind::folder) return "folder";
    static const IconOfExtension icons = index_families();
    const std::size_t dot = entry.name.rfind('.');
    // Longer than any extension known here, and than what a std::string holds without the heap.
    constexpr std::size_t longest = 8;
    if (dot == std::string::npos || entry.name.size() - dot - 1 > longest) return "file";
    std::string extension = entry.name.substr(dot + 1);
    std::ranges::transform(extension, extension.begin(), [](char c) {
        return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    const auto found = icons.find(extension);
    return found == icons.end() ? "file" : found->second;
}

}  // namespace spate::serve
