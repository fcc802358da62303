// SPDX-FileCopyrightText: the xbucket authors
// XML from a service, which may be hostile: bounded before it is parsed (16 MiB, 16 levels, 100,000
// elements, no DOCTYPE and so no entities of its own), and read by local names, because services
// differ in their namespaces (protocol.md 5). XML to a service: an escaping writer.
#pragma once

#include "xbucket/base/result.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace xbucket {

// One element; cheap to copy, valid while its XmlDocument lives. A missing element is empty: its
// text is "" and it has no children.
class XmlNode {
  public:
    XmlNode() = default;
    explicit operator bool() const { return node_ != nullptr; }
    std::string_view name() const;  // without namespace prefix
    // The text as it is, or without white space around it.
    std::string raw_text() const;
    std::string text() const;
    XmlNode child(std::string_view name) const;
    std::vector<XmlNode> children(std::string_view name) const;  // "" = all

  private:
    friend class XmlDocument;
    explicit XmlNode(void* node) : node_(node) {}
    void* node_ = nullptr;  // pugixml's node; its header stays in xml.cpp
};

class XmlDocument {
  public:
    // Errors: bad_reply with what is wrong.
    static Result<XmlDocument> parse(std::string_view text);
    ~XmlDocument();
    XmlDocument(XmlDocument&&) noexcept;
    XmlDocument& operator=(XmlDocument&&) noexcept;
    XmlNode root() const;

  private:
    struct Impl;
    explicit XmlDocument(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

inline constexpr size_t kXmlBytesMax = 16U << 20;
inline constexpr unsigned kXmlDepthMax = 16;
inline constexpr unsigned kXmlElementsMax = 100'000;

// Text for an element's content. Characters that XML 1.0 cannot carry become "&#xN;", as the
// services' SDKs write them; nullopt for NUL, which nothing can carry.
std::optional<std::string> xml_escape(std::string_view text);

}  // namespace xbucket
