// SPDX-FileCopyrightText: the xbucket authors
// A directory of the test's own, removed with all that is in it when the object goes.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <sys/stat.h>

namespace xbucket::testing {

class TempDir {
  public:
    TempDir() {
        std::string name =
            (std::filesystem::temp_directory_path() / "xbucket-test-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) std::abort();
        path_ = name;
    }
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;
    ~TempDir() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    // Writes a file (its folders too) and gives it exactly `mode`; returns its path.
    std::string write(std::string_view name, std::string_view text, mode_t mode = 0600) const {
        const std::string file = *this / name;
        std::filesystem::create_directories(std::filesystem::path(file).parent_path());
        std::ofstream(file, std::ios::binary | std::ios::trunc) << text;
        if (chmod(file.c_str(), mode) != 0) std::abort();
        return file;
    }

  private:
    std::string path_;
};

}  // namespace xbucket::testing
