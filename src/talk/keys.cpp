#include "talk/keys.hpp"

#include "term/utf8.hpp"

namespace spate::talk {
namespace {

constexpr char escape = '\x1b';
// No key sends more; what does is no key.
constexpr std::size_t longest_sequence = 32;

// How long the sequence is that this byte begins; 1 for bytes that begin none.
std::size_t length_of(unsigned char first) {
    if (first >= 0xc2 && first < 0xe0) return 2;
    if (first >= 0xe0 && first < 0xf0) return 3;
    if (first >= 0xf0 && first < 0xf5) return 4;
    return 1;
}

bool is_beginning(std::string_view text) {
    if (text.size() >= length_of(static_cast<unsigned char>(text[0]))) return false;
    for (const char byte : text.substr(1))
        if ((static_cast<unsigned char>(byte) & 0xc0) != 0x80) return false;
    return true;
}

// Arrows, Home, End and Delete. `end` is what comes after ESC [ or ESC O.
bool edits(std::string_view end) {
    constexpr std::string_view known[] = {"A",  "B",  "C",  "D",  "H", "F",
                                          "1~", "3~", "4~", "7~", "8~"};
    for (const auto each : known)
        if (each == end) return true;
    return false;
}

}  // namespace

void Keys::feed(std::string_view bytes) {
    waiting_ += bytes;
    while (take_key()) {
    }
}

std::optional<char32_t> Keys::next() {
    if (whole_.empty()) return {};
    const char32_t character = whole_.front();
    whole_.pop_front();
    return character;
}

bool Keys::take_key() {
    if (waiting_.empty()) return false;
    return waiting_[0] == escape ? take_sequence() : take_character();
}

void Keys::give(std::string_view sequence) {
    for (const char byte : sequence)
        whole_.push_back(static_cast<unsigned char>(byte));
}

// ECMA-48, section 5.4: ESC [, parameters and intermediates up to 0x3F, a final byte.
bool Keys::take_sequence() {
    if (waiting_.size() < 2) return false;
    if (waiting_[1] == escape) {
        waiting_.erase(0, 1);
        return true;
    }
    if (waiting_[1] != '[' && waiting_[1] != 'O') {
        if (is_beginning(waiting_.substr(1))) return false;
        if (static_cast<unsigned char>(waiting_[1]) < 0x80) give(waiting_.substr(0, 2));
        const auto character = term::decode_utf8(std::string_view(waiting_).substr(1));
        waiting_.erase(0, 1 + character.length);
        return true;
    }
    std::size_t last = 2;
    while (last < waiting_.size() && waiting_[last] >= ' ' && waiting_[last] < '@')
        ++last;
    if (last >= waiting_.size()) {
        if (last > longest_sequence) waiting_.clear();
        return false;
    }
    if (edits(waiting_.substr(2, last - 1))) give(waiting_.substr(0, last + 1));
    waiting_.erase(0, last + 1);
    return true;
}

bool Keys::take_character() {
    if (is_beginning(waiting_)) return false;
    const auto character = term::decode_utf8(waiting_);
    if (character.valid) whole_.push_back(character.value);
    waiting_.erase(0, character.length);
    return true;
}

}  // namespace spate::talk
