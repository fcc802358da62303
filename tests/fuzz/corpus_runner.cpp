// SPDX-FileCopyrightText: the xbucket authors
// Runs a fuzz target over the files of its corpus, where no fuzzer is linked in: every input that
// was ever found to matter is a plain test under every compiler. A crash is the failure.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
    std::vector<std::filesystem::path> inputs;
    for (int i = 1; i < argc; ++i) {
        std::error_code ignored;
        for (const auto& entry : std::filesystem::directory_iterator(argv[i], ignored)) {
            inputs.push_back(entry.path());
        }
    }
    std::sort(inputs.begin(), inputs.end());
    if (inputs.empty()) {
        std::fprintf(stderr, "no corpus found\n");
        return 1;
    }
    for (const auto& path : inputs) {
        std::ifstream file(path, std::ios::binary);
        const std::string bytes((std::istreambuf_iterator<char>(file)), {});
        std::printf("%s\n", path.filename().c_str());
        std::fflush(stdout);
        // Every prefix too: cut replies are what networks make.
        for (size_t size = 0; size <= bytes.size();
             size += std::max<size_t>(1, bytes.size() / 64)) {
            LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), size);
        }
        LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
    }
    std::printf("%zu inputs\n", inputs.size());
    return 0;
}
