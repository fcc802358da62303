// SPDX-FileCopyrightText: the xbucket authors
#include "xml_reader.h"

#include "reply.h"

#include <pugixml.hpp>

namespace xbucket::local {

namespace {

constexpr int kDepthMax = 16;

pugi::xml_node node_of(const void* internal) {
    return pugi::xml_node(
        static_cast<pugi::xml_node_struct*>(const_cast<void*>(internal)));  // NOLINT: pugi's handle
}

std::string_view local_name(const char* name) {
    const std::string_view view = name;
    const size_t colon = view.rfind(':');
    return colon == std::string_view::npos ? view : view.substr(colon + 1);
}

struct DepthCheck : pugi::xml_tree_walker {
    bool for_each(pugi::xml_node& node) override {
        return depth() < kDepthMax && node.type() != pugi::node_doctype;
    }
};

}  // namespace

struct XmlDocument::Impl {
    pugi::xml_document document;
};

XmlDocument::XmlDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XmlDocument::XmlDocument(XmlDocument&&) noexcept = default;
XmlDocument::~XmlDocument() = default;

Outcome<XmlDocument> XmlDocument::parse(std::string_view text, std::string_view root) {
    auto impl = std::make_unique<Impl>();
    // White space is kept: it can be the whole of a key. CR LF is left alone for the same reason.
    const auto result =
        impl->document.load_buffer(text.data(), text.size(),
                                   pugi::parse_cdata | pugi::parse_escapes | pugi::parse_doctype |
                                       pugi::parse_ws_pcdata_single);
    if (!result) return malformed_xml();
    DepthCheck check;
    if (!impl->document.traverse(check)) return malformed_xml();
    const pugi::xml_node element = impl->document.document_element();
    if (!element || (!root.empty() && local_name(element.name()) != root)) return malformed_xml();
    return XmlDocument(std::move(impl));
}

XmlElement XmlDocument::root() const {
    return XmlElement(impl_->document.document_element().internal_object());
}

std::string_view XmlElement::name() const { return local_name(node_of(node_).name()); }

std::vector<XmlElement> XmlElement::children(std::string_view name) const {
    std::vector<XmlElement> found;
    for (const pugi::xml_node child : node_of(node_).children()) {
        if (child.type() != pugi::node_element) continue;
        if (name.empty() || local_name(child.name()) == name) {
            found.emplace_back(child.internal_object());
        }
    }
    return found;
}

std::string XmlElement::text(std::string_view name) const {
    const auto found = children(name);
    return found.empty() ? std::string() : found.front().own_text();
}

std::string XmlElement::own_text() const { return node_of(node_).text().get(); }

std::string XmlElement::attribute(std::string_view name) const {
    return node_of(node_).attribute(std::string(name).c_str()).value();
}

}  // namespace xbucket::local
