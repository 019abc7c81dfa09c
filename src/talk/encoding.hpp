// Text in the encodings of this world, by iconv(3).
#pragma once

#include <cstddef>
#include <expected>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace spate::talk {

/// Why text cannot be had in an encoding, for a person.
using EncodingError = std::string;

namespace detail {
struct CloseConverter {
    void operator()(void* converter) const;
};
using Converter = std::unique_ptr<void, CloseConverter>;
}  // namespace detail

/// Bytes of an encoding to UTF-8, as they come: a sequence whose end has not arrived is kept until
/// it has. Bytes that are no text show as \xNN; nothing is fatal.
class Decoder {
  public:
    /// `encoding` as iconv -l names them: "gbk", "utf-8", "shift_jis".
    static std::expected<Decoder, EncodingError> open(const std::string& encoding);

    /// Appends to `text`.
    void decode(std::span<const std::byte> bytes, std::string& text);
    /// The stream ended: what was kept shows as \xNN.
    void finish(std::string& text);

  private:
    explicit Decoder(detail::Converter converter) : converter_(std::move(converter)) {}
    detail::Converter converter_;
    std::string kept_;
};

/// UTF-8 to an encoding.
class Encoder {
  public:
    static std::expected<Encoder, EncodingError> open(const std::string& encoding);

    /// The text's bytes; an error names what has no place in the encoding.
    [[nodiscard]] std::expected<std::string, EncodingError> encode(std::string_view text);
    /// Appends what leaves the mode that the text ended in (ISO-2022): what follows stands for
    /// itself.
    void finish(std::string& bytes);

  private:
    Encoder(detail::Converter converter, std::string name)
        : converter_(std::move(converter)), name_(std::move(name)) {}
    detail::Converter converter_;
    std::string name_;
};

}  // namespace spate::talk
