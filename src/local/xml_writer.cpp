// SPDX-FileCopyrightText: the xbucket authors
#include "xml_writer.h"

#include <fmt/format.h>

#include <iterator>

namespace xbucket::local {

XmlWriter::XmlWriter(std::string_view root, std::string_view xmlns) : root_(root) {
    out_ = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<";
    out_ += root;
    if (!xmlns.empty()) {
        out_ += " xmlns=\"";
        out_ += xmlns;
        out_ += '"';
    }
    out_ += '>';
}

void XmlWriter::escape(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
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
                if (static_cast<unsigned char>(c) < 0x20) {
                    fmt::format_to(std::back_inserter(out), "&#x{:x};",
                                   static_cast<unsigned>(static_cast<unsigned char>(c)));
                } else {
                    out += c;
                }
        }
    }
}

XmlWriter& XmlWriter::open(std::string_view name) {
    out_ += '<';
    out_ += name;
    out_ += '>';
    return *this;
}

XmlWriter& XmlWriter::close(std::string_view name) {
    out_ += "</";
    out_ += name;
    out_ += '>';
    return *this;
}

XmlWriter& XmlWriter::element(std::string_view name, std::string_view text) {
    open(name);
    escape(out_, text);
    return close(name);
}

XmlWriter& XmlWriter::number(std::string_view name, uint64_t value) {
    fmt::format_to(std::back_inserter(out_), "<{0}>{1}</{0}>", name, value);
    return *this;
}

std::string XmlWriter::finish() {
    close(root_);
    return std::move(out_);
}

}  // namespace xbucket::local
