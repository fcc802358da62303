// SPDX-FileCopyrightText: the xbucket authors
#include "key_finder.h"

namespace xbucket::app {
namespace {

// One key needs no crowd of connections.
CurlTransportConfig small_transport() {
    CurlTransportConfig config;
    config.interactive_max = 2;
    return config;
}

CurlTransportConfig transport_of(const Config& config, const Environment& environment) {
    CurlTransportConfig transport = small_transport();
    transport.proxy = config.proxy;
    transport.no_proxy = config.no_proxy;
    transport.ca_bundle = config.ca_bundle;
    if (transport.ca_bundle.empty() && config.source.dialect == DialectKind::s3) {
        transport.ca_bundle = environment.first_of({"AWS_CA_BUNDLE"});
    }
    transport.insecure_tls = config.insecure_tls;
    return transport;
}

}  // namespace

KeyFinder::KeyFinder(const Config& config, const Environment& environment, Clock& clock,
                     const ProgramRunner& run_program)
    : direct_(small_transport()),
      transport_(transport_of(config, environment)),
      kitchen_({.metadata_endpoint = config.metadata_endpoint,
                .ec2_endpoint = environment.first_of({"AWS_EC2_METADATA_SERVICE_ENDPOINT"}),
                .sts_endpoint = config.sts_endpoint,
                .run_program = run_program},
               direct_, transport_, clock) {}

Result<std::unique_ptr<KeyFinder>> KeyFinder::find(const Config& config,
                                                   const Environment& environment, Clock& clock,
                                                   const ProgramRunner& run_program) {
    std::unique_ptr<KeyFinder> finder(new KeyFinder(config, environment, clock, run_program));
    finder->found_ = TRY(find_credentials({.dialect = config.source.dialect,
                                           .bucket = config.source.bucket,
                                           .spec = config.credentials,
                                           .profile = config.profile,
                                           .file = config.credentials_file,
                                           .anonymous = config.anonymous},
                                          environment, finder->kitchen_, clock));
    return finder;
}

}  // namespace xbucket::app
