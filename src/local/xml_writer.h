// SPDX-FileCopyrightText: the xbucket authors
// Writes reply bodies. Text is escaped; control characters become character references, as the
// services send them (XML 1.0 cannot carry them: clients ask for encoding-type=url).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace xbucket::local {

class XmlWriter {
  public:
    // `xmlns` "" leaves the attribute out.
    explicit XmlWriter(std::string_view root, std::string_view xmlns = {});
    // A fragment without root, for raw() of another writer.
    XmlWriter() = default;
    const std::string& text() const { return out_; }

    XmlWriter& open(std::string_view name);
    XmlWriter& close(std::string_view name);
    XmlWriter& element(std::string_view name, std::string_view text);
    XmlWriter& number(std::string_view name, uint64_t value);
    XmlWriter& boolean(std::string_view name, bool value) {
        return element(name, value ? "true" : "false");
    }
    // Finished XML.
    XmlWriter& raw(std::string_view xml) {
        out_ += xml;
        return *this;
    }
    // Closes the root; the writer is empty afterwards.
    std::string finish();

    static void escape(std::string& out, std::string_view text);

  private:
    std::string root_;
    std::string out_;
};

}  // namespace xbucket::local
