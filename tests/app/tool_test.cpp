// SPDX-FileCopyrightText: the xbucket authors
// The pure parts of the commands: expressions, dumps, words, the progress line, the log of a run.
#include "support/temp_dir.h"
#include "tool/attribute_text.h"
#include "tool/attribute_word.h"
#include "tool/crew.h"
#include "tool/expression.h"
#include "tool/progress.h"
#include "tool/work_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <fstream>
#include <map>
#include <random>
#include <sstream>
#include <sys/stat.h>

namespace xbucket::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using xbucket::testing::TempDir;

// An object whose values are given; counts what it was asked for.
class GivenObject final : public FoundObject {
  public:
    explicit GivenObject(std::map<std::string, std::string> values) : values_(std::move(values)) {}

    Result<std::optional<std::string>> value(Subject subject,
                                             const std::string& attribute) override {
        static const std::map<Subject, std::string> kNames = {{Subject::path, "path"},
                                                              {Subject::name, "name"},
                                                              {Subject::size, "size"},
                                                              {Subject::mtime, "mtime"},
                                                              {Subject::type, "type"}};
        const auto known = kNames.find(subject);
        const std::string name = known == kNames.end() ? attribute : known->second;
        asked.push_back(name);
        const auto found = values_.find(name);
        if (found == values_.end()) return std::optional<std::string>();
        return std::optional<std::string>(found->second);
    }
    std::vector<std::string> asked;

  private:
    const std::map<std::string, std::string> values_;
};

const WallTime kNow = WallTime::from_seconds(1'790'000'000);  // 2026-09-21

bool matches(std::string_view text, std::map<std::string, std::string> values) {
    const auto expression = Expression::parse(text, kNow);
    if (!expression) {
        ADD_FAILURE() << text << ": " << expression.error().message;
        return false;
    }
    GivenObject object(std::move(values));
    return *expression->matches(object);
}

std::string refusal(std::string_view text) {
    const auto expression = Expression::parse(text, kNow);
    return expression ? "" : expression.error().message;
}

// Each operator by what it means, on an object with a year, a type and a size.
TEST(Expression, compares_numbers_times_and_bytes) {
    const std::map<std::string, std::string> object = {
        {"user.year", "2020"},
        {"user.http.content-type", "image/jpeg"},
        {"user.empty", ""},
        {"user.text", "a (b) c"},
        {"user.http.expires", "Thu, 01 Jan 2026 00:00:00 GMT"},
        {"size", "10485760"},
        {"mtime", "2026-09-20T00:00:00.000Z"},
        {"name", "a.jpg"}};
    for (const char* yes : {"user.year>=2020",
                            "year == 2020",
                            "year=2020.0",
                            "year<10000",
                            "user.year != 21",
                            "http.content-type~image/*",
                            "http.content-type =~ '^image/(jpeg|png)$'",
                            "http.content-type!~text",
                            "name like '*.jpg'",
                            "name like *.jpg",
                            "size>=10M",
                            "size<1G",
                            "mtime>-7d",
                            "mtime<2026-09-21",
                            "mtime>=2026-09-20T00:00:00Z",
                            "empty",
                            "empty=''",
                            "text=\"a (b) c\"",
                            "http.expires<2026-06-01",
                            "not nothing",
                            "year>2020 or size>1",
                            "year=2020 and size>1",
                            "year=2020 size>1",
                            "!(year=1 || year=2) && year",
                            "((year))",
                            "year=2020 and not (nothing or size<5)"}) {
        EXPECT_TRUE(matches(yes, object)) << yes;
    }
    for (const char* no :
         {"user.year>2020", "nothing", "nothing=1", "nothing!=1", "nothing!~x", "year<300",
          "http.content-type like image", "not year", "year and nothing", "size>10M", "mtime<-7d",
          "year=1 or nothing", "text~'x$'"}) {
        EXPECT_FALSE(matches(no, object)) << no;
    }
}

TEST(Expression, and_binds_tighter_than_or_and_not_tighter_than_both) {
    const std::map<std::string, std::string> object = {{"user.a", "1"}};
    EXPECT_TRUE(matches("a or b and c", object));
    EXPECT_FALSE(matches("(a or b) and c", object));
    EXPECT_TRUE(matches("not b and a", object));
    EXPECT_FALSE(matches("not (b or a)", object));
}

TEST(Expression, asks_for_no_more_than_the_answer_needs) {
    GivenObject object({{"user.a", "1"}, {"size", "5"}});
    EXPECT_TRUE(*Expression::parse("size=5 or user.b=1", kNow)->matches(object));
    EXPECT_THAT(object.asked, ElementsAre("size"));
    EXPECT_FALSE(Expression::parse("size>1 and name like x", kNow)->needs_attributes());
    EXPECT_TRUE(Expression::parse("size>1 and year", kNow)->needs_attributes());
}

// What cannot be meant is refused with its place.
TEST(Expression, refuses_what_makes_no_sense_and_says_where) {
    for (const char* text : {"",
                             "  ",
                             "(",
                             ")",
                             "year>=",
                             "year >= (1)",
                             "and",
                             "year and",
                             "(year",
                             "year)",
                             "'x'=1",
                             "year='1",
                             "=5",
                             "a~'('",
                             "size>many",
                             "mtime>yesterday",
                             "a~'(x{200}){200}'",
                             "not",
                             "b/2.jpg b/3.jpg year",
                             "type=file"}) {
        EXPECT_NE(refusal(text), "") << text;
    }
    EXPECT_THAT(refusal("year>=2020 and )"), HasSubstr("character 16"));
    EXPECT_THAT(refusal("year b/3.jpg"), HasSubstr("character 6 ('b/3.jpg'): this is a path"));
    EXPECT_EQ(refusal("user.a/b=1"), "");
    EXPECT_THAT(refusal("year in (2020, 2021)"),
                AllOf(HasSubstr("character 6 ('in (2020, 2021)'): there is no 'in'"),
                      HasSubstr("(name=a or name=b)")));
    EXPECT_THAT(refusal("year and name in (a)"), HasSubstr("'name' alone is true of every object"));
    EXPECT_NE(refusal("year not in (2020)"), "");
    EXPECT_EQ(refusal("in=5 and user.in (contains=a)"), "");
    EXPECT_THAT(refusal(std::string(200, '(') + "a" + std::string(200, ')')), HasSubstr("deep"));
    EXPECT_THAT(refusal(std::string(100'000, 'a')), HasSubstr("longer"));
}

TEST(Words, changes_stand_in_front_and_paths_behind) {
    const auto set = split_set_words({"year=2021", "user.a=b=c", "tag.x=", "photos", "b=1"});
    ASSERT_TRUE(set);
    EXPECT_THAT(set->changes,
                ElementsAre(AttributeWord{"user.year", "2021"}, AttributeWord{"user.a", "b=c"},
                            AttributeWord{"user.tag.x", ""}));
    EXPECT_THAT(set->paths, ElementsAre("photos", "b=1"));
    EXPECT_THAT(split_set_words({"a=1", "./a=b"})->paths, ElementsAre("./a=b"));
    const auto unset = split_unset_words({"year", "user.a", "http.expires", "photo.jpg"});
    ASSERT_TRUE(unset);
    EXPECT_EQ(unset->changes.size(), 3U);
    EXPECT_EQ(unset->changes[0].value, std::nullopt);
    EXPECT_THAT(unset->paths, ElementsAre("photo.jpg"));
    for (const auto& bad : std::vector<std::vector<std::string>>{
             {}, {"a=1"}, {"f"}, {"object.etag=1", "f"}, {"a=1", "user.a=2", "f"}, {"=1", "f"}}) {
        EXPECT_FALSE(split_set_words(bad));
    }
    EXPECT_TRUE(split_set_words({std::string(250, 'a') + "=1", "f"}));
    const auto longer = split_set_words({std::string(251, 'a') + "=1", "f"});
    ASSERT_FALSE(longer);
    EXPECT_THAT(longer.error().message, HasSubstr("the name has 256 bytes"));
    EXPECT_TRUE(split_unset_words({std::string(251, 'a'), "f"}));  // what others made
}

// Any names, values and paths come back from the text: random bytes, seed printed.
TEST(DumpText, what_is_dumped_is_read_back) {
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const auto bytes = [&random](size_t max, bool nul) {
        std::string out;
        for (size_t n = random() % max + 1; n > 0; --n) {
            const bool text = random() % 3 != 0;
            const auto c = text ? " a\\\"=#\n\r\tz0"[random() % 11] : static_cast<char>(random());
            out += c == '\0' && !nul ? 'x' : c;
        }
        return out;
    };
    std::string text;
    std::vector<DumpedFile> files;
    for (int i = 0; i < 200; ++i) {
        DumpedFile file;
        file.path = "p" + bytes(20, false);
        for (size_t n = random() % 4 + 1; n > 0; --n) {
            file.attributes.emplace_back("user." + bytes(10, false), bytes(30, true));
        }
        text += dump_text(file);
        files.push_back(file);
    }
    std::istringstream in(text);
    DumpReader reader(in);
    DumpedFile read;
    for (const DumpedFile& file : files) {
        const auto more = reader.next(read);
        ASSERT_TRUE(more) << more.error().message;
        ASSERT_TRUE(*more);
        EXPECT_EQ(read.path, file.path);
        EXPECT_EQ(read.attributes, file.attributes);
    }
    EXPECT_FALSE(*reader.next(read));
}

// "a//b" as a path is a/b, as a key it is not.
TEST(DumpText, keys_that_read_as_other_paths_are_told_apart_from_paths) {
    const auto read_of = [](const std::string& text) {
        std::istringstream in(text);
        DumpedFile file;
        EXPECT_TRUE(*DumpReader(in).next(file)) << text;
        return file;
    };
    for (const char* key : {"/a", "//a", "./a", ".", "..", "a//b", "a/./b", "a/../b", "a/.", "/"}) {
        DumpedFile file;
        file.path = key;
        file.is_key = true;
        file.attributes = {{"user.x", "1"}};
        EXPECT_EQ(read_of(dump_text(file)), (DumpedFile{key, 0, true, file.attributes, 1})) << key;
    }
    for (const auto& [path, start] : std::map<std::string, size_t>{{"a", 0},
                                                                   {"/a", 1},
                                                                   {"./a", 2},
                                                                   {".//./a", 5},
                                                                   {".", 1},
                                                                   {"..", 0},
                                                                   {".a", 0},
                                                                   {"a//b/", 0},
                                                                   {"a\\057", 0}}) {
        DumpedFile file;
        file.path = path;
        file.attributes = {{"user.x", "1"}};
        EXPECT_EQ(read_of(dump_text(file)), (DumpedFile{path, start, false, file.attributes, 1}))
            << path;
    }
}

TEST(DumpText, a_name_that_no_attribute_can_have_is_refused_with_its_line) {
    std::istringstream in("# file: f\nuser.a=\"1\"\n" + std::string(256, 'a') + "=\"2\"\n");
    DumpReader reader(in);
    DumpedFile read;
    const auto more = reader.next(read);
    ASSERT_FALSE(more);
    EXPECT_THAT(more.error().message, AllOf(HasSubstr("line 3"), HasSubstr("at most 255")));
}

TEST(DumpText, values_are_read_in_every_form_of_setfattr) {
    EXPECT_EQ(*parse_value_text("\"a\\042b\\\\\""), "a\"b\\");
    EXPECT_EQ(*parse_value_text("0sAAEC"), std::string("\0\1\2", 3));
    EXPECT_EQ(*parse_value_text("0x00ff"), std::string("\0\xff", 2));
    EXPECT_EQ(*parse_value_text("plain"), "plain");
    EXPECT_FALSE(parse_value_text("0s***"));
    EXPECT_FALSE(parse_value_text("\"open"));
}

TEST(Progress, the_line_is_right_and_fits) {
    using std::chrono::seconds;
    const std::string walking = progress_line(
        {.found = 7000, .all_found = false, .done = 3120, .failed = 2}, seconds(10), 80);
    EXPECT_THAT(walking, HasSubstr("3,120 of 7,000+  312/s  2 failed"));
    const std::string end =
        progress_line({.found = 5, .all_found = true, .done = 5, .failed = 0}, seconds(1), 80);
    EXPECT_THAT(end, HasSubstr("##] 5 of 5"));
    const std::string middle =
        progress_line({.found = 100, .all_found = true, .done = 50, .failed = 0}, seconds(5), 80);
    EXPECT_THAT(middle, HasSubstr("5.0 s left"));
    // A resumed run: what was finished before is done, and took no time now.
    const std::string resumed =
        progress_line({.found = 1000, .all_found = true, .done = 950, .failed = 0, .skipped = 900},
                      seconds(5), 80);
    EXPECT_THAT(resumed, HasSubstr("950 of 1,000  10/s  5.0 s left"));
    for (size_t columns = 10; columns < 200; ++columns) {
        EXPECT_LE(progress_line({123'456, true, 1234, 99, 0}, seconds(7), columns).size(), columns);
    }
    EXPECT_EQ(short_duration(seconds(200)), "3 min 20 s");
    EXPECT_EQ(short_duration(seconds(7500)), "2 h 05 min");
}

// Jobs that end in any order deliver in the order in which they came.
TEST(Crew, delivers_in_order) {
    std::vector<int> delivered;
    Crew crew(8, 16);
    for (int i = 0; i < 500; ++i) {
        crew.post([i, &delivered]() -> Crew::Delivery {
            if (i % 7 == 0) std::this_thread::yield();
            return [i, &delivered] { delivered.push_back(i); };
        });
    }
    crew.finish();
    ASSERT_EQ(delivered.size(), 500U);
    EXPECT_TRUE(std::is_sorted(delivered.begin(), delivered.end()));
}

TEST(WorkLog, remembers_what_was_done_by_the_same_command_only) {
    const TempDir folder;
    const std::string path = folder.path() + "/sub/log";
    const std::string odd = "with\nnewline%and\tmore";
    {
        auto log = WorkLog::open(path, "one", false);
        ASSERT_TRUE(log) << log.error().message;
        (*log)->done("a");
        (*log)->done(odd);
        (*log)->failed("b", "because\nof this");
        EXPECT_EQ(WorkLog::open(path, "one", true).error().kind, ErrorKind::busy);
    }
    // The end of a killed run: its last line is cut off.
    std::ofstream(path, std::ios::app) << "done cut";
    {
        auto log = WorkLog::open(path, "one", true);
        ASSERT_TRUE(log);
        EXPECT_EQ((*log)->done_before(), 2U);
        EXPECT_TRUE((*log)->was_done("a") && (*log)->was_done(odd));
        EXPECT_FALSE((*log)->was_done("b") || (*log)->was_done("cut"));
        (*log)->done("c");
    }
    EXPECT_EQ(WorkLog::open(path, "two", true).error().kind, ErrorKind::invalid_argument);
    EXPECT_EQ((*WorkLog::open(path, "one", true))->done_before(), 3U);
    EXPECT_EQ((*WorkLog::open(path, "one", false))->done_before(), 0U);
}

TEST(WorkLog, what_is_no_log_of_this_command_is_left_as_it_is) {
    const TempDir folder;
    const auto text_of = [](const std::string& path) {
        std::ostringstream text;
        text << std::ifstream(path).rdbuf();
        return text.str();
    };
    for (const char* text : {"a thesis", "xbucket-work 1 two\ndone a\n", "\n"}) {
        const std::string path = folder.write("file", text);
        for (const bool resume : {false, true}) {
            EXPECT_EQ(WorkLog::open(path, "one", resume).error().kind, ErrorKind::invalid_argument);
        }
        EXPECT_EQ(text_of(path), text);
    }
    const std::string fifo = folder / "fifo";
    ASSERT_EQ(mkfifo(fifo.c_str(), 0600), 0);
    EXPECT_EQ(WorkLog::open(fifo, "one", false).error().kind, ErrorKind::invalid_argument);
    // Nothing, and a head that was not written to its end.
    for (const char* text : {"", "xbucket-wo", "xbucket-work 1 one"}) {
        EXPECT_TRUE(WorkLog::open(folder.write("file", text), "one", false)) << text;
        EXPECT_TRUE(WorkLog::open(folder.write("file", text), "one", true)) << text;
    }
}

}  // namespace
}  // namespace xbucket::app
