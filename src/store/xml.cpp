// SPDX-FileCopyrightText: the xbucket authors
#include "xbucket/store/xml.h"

#include "xbucket/base/encoding.h"

#include <fmt/format.h>
#include <pugixml.hpp>

namespace xbucket {
namespace {

Error bad_xml(std::string_view why) {
    return fail(ErrorKind::bad_reply,
                fmt::format("the reply is not the XML of an object service: {}", why));
}

// Position after `end`, searched from `from`; npos when it never comes.
size_t skip_past(std::string_view text, size_t from, std::string_view end) {
    const size_t at = text.find(end, from);
    return at == std::string_view::npos ? at : at + end.size();
}

// A cheap walk over the tags, before any memory is spent on a tree: pugixml has no limits of its
// own, and 16 MiB of "<a>" would become half a gigabyte of nodes.
Result<void> check_bounds(std::string_view text) {
    if (text.size() > kXmlBytesMax) return bad_xml("it is longer than 16 MiB");
    unsigned depth = 0;
    unsigned elements = 0;
    size_t at = 0;
    while ((at = text.find('<', at)) != std::string_view::npos) {
        const std::string_view rest = text.substr(at);
        if (rest.starts_with("<!--")) {
            at = skip_past(text, at + 4, "-->");
        } else if (rest.starts_with("<![CDATA[")) {
            at = skip_past(text, at + 9, "]]>");
        } else if (rest.starts_with("<!")) {
            return bad_xml("it declares a document type");
        } else if (rest.starts_with("<?")) {
            at = skip_past(text, at + 2, "?>");
        } else if (rest.starts_with("</")) {
            if (depth == 0) return bad_xml("an element ends that never began");
            --depth;
            at = skip_past(text, at + 2, ">");
        } else {
            if (++elements > kXmlElementsMax) return bad_xml("it has too many elements");
            const size_t end = skip_past(text, at + 1, ">");
            const bool empty_element = end != std::string_view::npos && text[end - 2] == '/';
            if (!empty_element && ++depth > kXmlDepthMax) return bad_xml("it is nested too deeply");
            at = end;
        }
        if (at == std::string_view::npos) return bad_xml("it ends inside a tag");
    }
    if (depth != 0) return bad_xml("it is cut off");
    return {};
}

std::string_view local_name(std::string_view name) {
    const size_t colon = name.rfind(':');
    return colon == std::string_view::npos ? name : name.substr(colon + 1);
}

pugi::xml_node as_node(void* node) {
    return pugi::xml_node(static_cast<pugi::xml_node_struct*>(node));
}

}  // namespace

std::string_view XmlNode::name() const { return local_name(as_node(node_).name()); }

std::string XmlNode::raw_text() const {
    std::string out;
    for (const pugi::xml_node child : as_node(node_).children()) {
        if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
            out += child.value();
        }
    }
    return out;
}

std::string XmlNode::text() const {
    const std::string raw = raw_text();
    constexpr std::string_view kBlank = " \t\r\n";
    const size_t first = raw.find_first_not_of(kBlank);
    if (first == std::string::npos) return "";
    return raw.substr(first, raw.find_last_not_of(kBlank) - first + 1);
}

XmlNode XmlNode::child(std::string_view name) const {
    for (const pugi::xml_node child : as_node(node_).children()) {
        if (child.type() == pugi::node_element && local_name(child.name()) == name) {
            return XmlNode(child.internal_object());
        }
    }
    return {};
}

std::vector<XmlNode> XmlNode::children(std::string_view name) const {
    std::vector<XmlNode> out;
    for (const pugi::xml_node child : as_node(node_).children()) {
        if (child.type() != pugi::node_element) continue;
        if (name.empty() || local_name(child.name()) == name) {
            out.push_back(XmlNode(child.internal_object()));
        }
    }
    return out;
}

struct XmlDocument::Impl {
    pugi::xml_document document;
};

XmlDocument::XmlDocument(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
XmlDocument::~XmlDocument() = default;
XmlDocument::XmlDocument(XmlDocument&&) noexcept = default;
XmlDocument& XmlDocument::operator=(XmlDocument&&) noexcept = default;

Result<XmlDocument> XmlDocument::parse(std::string_view text) {
    TRY(check_bounds(text));
    // A blank tag value is a value, so white space that is all of an element's text stays.
    constexpr unsigned kFlags =
        pugi::parse_cdata | pugi::parse_escapes | pugi::parse_eol | pugi::parse_ws_pcdata;
    auto impl = std::make_unique<Impl>();
    const pugi::xml_parse_result parsed =
        impl->document.load_buffer(text.data(), text.size(), kFlags, pugi::encoding_utf8);
    if (!parsed) return bad_xml(parsed.description());
    size_t roots = 0;
    for (const pugi::xml_node child : impl->document.children()) {
        if (child.type() == pugi::node_element) ++roots;
    }
    if (roots != 1) return bad_xml("it has no single root element");
    return XmlDocument(std::move(impl));
}

XmlNode XmlDocument::root() const {
    return XmlNode(impl_->document.document_element().internal_object());
}

std::optional<std::string> xml_escape(std::string_view text) {
    std::string out;
    out.reserve(text.size());
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        switch (c) {
            case '\0':
                return std::nullopt;
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                if (byte < 0x20) {
                    out += fmt::format("&#x{:X};", byte);
                } else {
                    out += c;
                }
        }
    }
    return out;
}

}  // namespace xbucket
