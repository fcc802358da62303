// SPDX-FileCopyrightText: the xbucket authors
// --help: what the program is, every setting by group, then examples to copy.
#include "options.h"

#include <fmt/format.h>

#include <iterator>

#ifndef XBUCKET_VERSION
#error "the build defines XBUCKET_VERSION"
#endif

namespace xbucket::app {
namespace {

constexpr size_t kWidth = 96;
constexpr size_t kIndent = 33;

constexpr std::string_view kHead =
    R"(xbucket mounts an object-storage bucket; an object's metadata is the file's extended attributes.

Usage: xbucket SOURCE MOUNTPOINT [options]
       xbucket COMMAND ...                             see the end (COMMAND --help)
       xbucket serve DIR [--listen 127.0.0.1:PORT]     a bucket server for tests (serve --help)
       xbucket unmount MOUNTPOINT                      or fusermount3 -u

SOURCE is one of
  oss://BUCKET[/PREFIX]          Alibaba Cloud OSS
  s3://BUCKET[/PREFIX]           Amazon S3, or a service that speaks it (--endpoint)
  local:DIR[#BUCKET[/PREFIX]]    a folder on this machine: buckets are its folders; no account
)";

constexpr std::string_view kFoot = R"(
Each setting can be given as --name=VALUE, as -o name=VALUE (fstab), as the environment variable
XBUCKET_NAME, or as "name = VALUE" in the file that --config names (else
~/.config/xbucket/xbucket.conf, else /etc/xbucket.conf). The first of these that says it wins.
TIME: 60, 90s, 5m, 2h.  SIZE: 512K, 64M, 2G.  MODE: octal.

Keys come from the environment (OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, with OSS_SESSION_TOKEN
for a temporary key; ALIBABA_CLOUD_*; AWS_*), from the files of the service's own tools, from roles
and identity tokens, or from the machine's metadata service: man xbucket-credentials.

Examples:
  xbucket local:$HOME/buckets /mnt/b                    try it without an account
  xbucket oss://photos /mnt/b --region=cn-hangzhou
  xbucket s3://photos/2024 /mnt/b --region=eu-west-1 --ro
  xbucket s3://data /mnt/b --endpoint=http://127.0.0.1:9000
  getfattr -d /mnt/b/a.jpg                              its metadata
  setfattr -n user.year -v 2021 /mnt/b/a.jpg            x-oss-meta-year: 2021
  setfattr -n user.http.cache-control -v max-age=60 /mnt/b/a.jpg
In /etc/fstab:
  oss://photos /mnt/b fuse.xbucket noauto,user,region=cn-hangzhou,_netdev 0 0

More: man xbucket, man xbucket-attributes
)";

// Appends `text` in lines of at most kWidth characters that start at column kIndent; the cursor
// stands at `column` now.
void wrap(std::string& out, std::string_view text, size_t column) {
    const std::string margin(kIndent, ' ');
    if (column + 1 > kIndent) {
        out += '\n';
        column = 0;
    }
    out.append(kIndent - column, ' ');
    column = kIndent;
    while (!text.empty()) {
        const size_t end = std::min(text.find(' '), text.size());
        const std::string_view word = text.substr(0, end);
        text.remove_prefix(std::min(end + 1, text.size()));
        if (column > kIndent && column + 1 + word.size() > kWidth) {
            out += '\n' + margin;
            column = kIndent;
        } else if (column > kIndent) {
            out += ' ';
            ++column;
        }
        out += word;
        column += word.size();
    }
    out += '\n';
}

void add_option(std::string& out, std::string_view left, std::string_view help) {
    out += "  ";
    out += left;
    wrap(out, help, left.size() + 2);
}

}  // namespace

std::string help_text() {
    std::string out(kHead);
    std::string_view group;
    for (const Setting& setting : settings()) {
        if (setting.group != group) {
            group = setting.group;
            out += fmt::format("\n{}:\n", group);
        }
        std::string left = fmt::format("--{}", setting.name);
        if (setting.name == "foreground") left = "-f, --foreground";
        if (setting.name == "debug") left = "-d, --debug";
        if (!setting.value.empty()) left += fmt::format("={}", setting.value);
        add_option(out, left, setting.help);
    }
    add_option(out, "-o OPTION[,OPTION...]", "any of the above, as fstab writes them");
    add_option(out, "-c, --config=FILE", "settings, one 'name = value' a line");
    add_option(out, "-h, --help; -V, --version", "this text; the version");
    return out + std::string(kFoot);
}

std::string version_text() { return fmt::format("xbucket {}\n", XBUCKET_VERSION); }

}  // namespace xbucket::app
