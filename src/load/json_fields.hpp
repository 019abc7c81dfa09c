// Takes a JSON object apart by its keys, and says of the first that is wrong which and why.
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace spate::load {

/// One object at a path such as "totals" or "intervals[3]". Views of an object and of an error
/// that the caller keeps; once there is an error the rest is not looked at.
class JsonFields {
  public:
    using Json = nlohmann::json;

    JsonFields(const Json& object, std::string path, std::string& error)
        : object_(object), path_(std::move(path)), error_(error) {
        if (!object_.is_object()) fail(path_.empty() ? "it" : path_, "is no object");
    }

    [[nodiscard]] bool failed() const { return !error_.empty(); }

    /// The key's value into `out`, which keeps its own when the key may be missing and is.
    template <typename T>
    void need(const char* key, T& out) {
        if (const Json* value = find(key); value != nullptr) {
            read(key, *value, out);
        } else {
            wrong(key, "is missing");
        }
    }
    template <typename T>
    void take(const char* key, T& out) {
        if (const Json* value = find(key); value != nullptr) read(key, *value, out);
    }

    /// The value as it is, or a null pointer.
    [[nodiscard]] const Json* find(const char* key) const {
        if (failed() || !object_.is_object()) return nullptr;
        const auto found = object_.find(key);
        return found == object_.end() ? nullptr : &*found;
    }

    /// Hands the object under `key` to `take_apart(JsonFields&)`.
    template <typename Function>
    void need_object(const char* key, Function&& take_apart) {
        if (find(key) == nullptr) {
            wrong(key, "is missing");
        } else {
            take_object(key, std::forward<Function>(take_apart));
        }
    }
    template <typename Function>
    void take_object(const char* key, Function&& take_apart) {
        const Json* value = find(key);
        if (value == nullptr || value->is_null()) return;
        JsonFields fields(*value, path_of(key), error_);
        if (!fields.failed()) take_apart(fields);
    }

    /// Each object of the list under `key`, in turn.
    template <typename Function>
    void need_list(const char* key, Function&& take_apart) {
        const Json* value = find(key);
        if (value == nullptr) return wrong(key, "is missing");
        if (!value->is_array()) return wrong(key, "is no list");
        for (std::size_t i = 0; i < value->size() && !failed(); ++i) {
            JsonFields fields((*value)[i], path_of(key) + "[" + std::to_string(i) + "]", error_);
            if (!fields.failed()) take_apart(fields);
        }
    }

    /// Notes the first thing that is wrong: "totals.planned is missing".
    void wrong(std::string_view key, std::string_view what) { fail(path_of(key), what); }

  private:
    [[nodiscard]] std::string path_of(std::string_view key) const {
        return path_.empty() ? std::string(key) : path_ + "." + std::string(key);
    }
    void fail(std::string_view path, std::string_view what) {
        if (error_.empty()) error_ = std::string(path) + " " + std::string(what);
    }

    void read(const char* key, const Json& value, std::string& out) {
        if (!value.is_string()) return wrong(key, "is no text");
        out = value.get_ref<const std::string&>();
    }
    void read(const char* key, const Json& value, bool& out) {
        if (!value.is_boolean()) return wrong(key, "is neither true nor false");
        out = value.get<bool>();
    }
    void read(const char* key, const Json& value, double& out) {
        if (!value.is_number()) return wrong(key, "is no number");
        out = value.get<double>();
    }
    template <std::unsigned_integral T>
    void read(const char* key, const Json& value, T& out) {
        const bool fits = value.is_number_unsigned() &&
                          value.get<std::uint64_t>() <= std::numeric_limits<T>::max();
        if (!fits) return wrong(key, "is no whole number from 0, or too large");
        out = static_cast<T>(value.get<std::uint64_t>());
    }
    void read(const char* key, const Json& value, std::int64_t& out) {
        constexpr auto most = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
        const bool too_large = value.is_number_unsigned() && value.get<std::uint64_t>() > most;
        if (!value.is_number_integer() || too_large) {
            return wrong(key, "is no whole number, or too large");
        }
        out = value.get<std::int64_t>();
    }
    template <typename T>
    void read(const char* key, const Json& value, std::optional<T>& out) {
        out.reset();
        if (value.is_null()) return;
        T inner{};
        read(key, value, inner);
        out = inner;
    }
    void read(const char* key, const Json& value, std::vector<std::string>& out) {
        if (!value.is_array()) return wrong(key, "is no list");
        out.clear();
        for (const Json& element : value)
            read(key, element, out.emplace_back());
    }

    const Json& object_;
    std::string path_;
    std::string& error_;
};

}  // namespace spate::load
