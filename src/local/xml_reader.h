// SPDX-FileCopyrightText: the xbucket authors
// Request bodies as trees. Namespaces are ignored (local names match); DOCTYPE is refused, depth
// is bounded. pugixml is seen by xml_reader.cpp alone.
#pragma once

#include "outcome.h"

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket::local {

// A view of an element; valid as long as its XmlDocument.
class XmlElement {
  public:
    explicit XmlElement(const void* node) : node_(node) {}
    std::string_view name() const;  // without prefix
    std::vector<XmlElement> children(std::string_view name = {}) const;
    bool has(std::string_view name) const { return !children(name).empty(); }
    // Text of the first child element of that name; "" when there is none.
    std::string text(std::string_view name) const;
    std::string own_text() const;
    std::string attribute(std::string_view name) const;

  private:
    const void* node_;  // pugi::xml_node_struct*
};

class XmlDocument {
  public:
    // Refusal: MalformedXML, also when the root is another element (`root` "" takes any).
    static Outcome<XmlDocument> parse(std::string_view text, std::string_view root);
    XmlDocument(XmlDocument&&) noexcept;
    XmlDocument& operator=(XmlDocument&&) = delete;
    ~XmlDocument();
    XmlElement root() const;

  private:
    struct Impl;
    explicit XmlDocument(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace xbucket::local
