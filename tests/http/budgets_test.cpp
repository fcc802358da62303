// SPDX-FileCopyrightText: the xbucket authors
// Many requests at once: budgets of the classes, cancelling, and the end of the transport.
#include "http_fixture.h"

#include <gmock/gmock.h>

namespace xbucket::testing {
namespace {

class BudgetsTest : public HttpTest {
  protected:
    HttpRequest of_class(RequestClass request_class, std::string target = "/b/key") const {
        HttpRequest made = request(HttpMethod::get, std::move(target));
        made.request_class = request_class;
        return made;
    }
};

TEST_F(BudgetsTest, stalled_prefetch_delays_no_other_class) {
    server.always([](RawConnection& connection) {
        if (connection.request().target() == "/stalled") connection.stall();
        raw::reply("200 OK")(connection);
    });
    std::vector<Started> stalled;
    for (int i = 0; i < 80; ++i) {
        stalled.push_back(start(*transport, of_class(RequestClass::prefetch, "/stalled")));
    }
    ASSERT_TRUE(server.wait_for_requests(64));
    for (const RequestClass request_class :
         {RequestClass::interactive, RequestClass::update, RequestClass::data}) {
        EXPECT_TRUE(send(of_class(request_class)));
    }
    const TransportStats stats = transport->stats();
    EXPECT_EQ(stats.in_flight, 64U);
    EXPECT_EQ(stats.queued, 16U);
    server.release();
    for (Started& each : stalled) EXPECT_TRUE(each.result.get());
    EXPECT_EQ(server.requests().size(), 83U);
}

TEST_F(BudgetsTest, class_never_has_more_in_flight_than_its_budget_and_keeps_its_order) {
    transport = transport_or_die({.update_max = 1});
    std::vector<Started> started;
    for (int i = 0; i < 50; ++i) {
        started.push_back(
            start(*transport, of_class(RequestClass::update, "/" + std::to_string(i))));
    }
    for (Started& each : started) EXPECT_TRUE(each.result.get());
    EXPECT_EQ(server.connections(), 1U);
    const std::vector<RawRequest> seen = server.requests();
    for (size_t i = 0; i < 50; ++i) EXPECT_EQ(seen[i].target(), "/" + std::to_string(i));
}

TEST_F(BudgetsTest, total_limit_covers_the_wait_in_the_queue) {
    transport = transport_or_die({.update_max = 1});
    server.always(raw::stall());
    Started first = start(*transport, of_class(RequestClass::update));
    ASSERT_TRUE(server.wait_for_requests(1));
    HttpRequest made = request(HttpMethod::put);
    made.request_class = RequestClass::update;
    made.timeouts.total = ms(30);
    const auto response = send(std::move(made));
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::timed_out);
    EXPECT_FALSE(response.error().outcome_unknown);
    EXPECT_EQ(transport->stats().queued, 0U);
    server.release();
    EXPECT_TRUE(first.result.get());
}

TEST_F(BudgetsTest, cancel_ends_a_request_under_way) {
    server.always(raw::stall());
    for (const HttpMethod method : {HttpMethod::get, HttpMethod::put}) {
        const size_t before = server.requests().size();
        Started started = start(*transport, request(method));
        ASSERT_TRUE(server.wait_for_requests(before + 1));
        started.transfer->cancel();
        started.transfer->cancel();
        const auto response = started.result.get();
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::cancelled);
        EXPECT_EQ(response.error().outcome_unknown, method == HttpMethod::put);
    }
}

TEST_F(BudgetsTest, cancel_ends_a_queued_request_that_is_then_never_sent) {
    transport = transport_or_die({.update_max = 1});
    server.always(raw::stall());
    Started first = start(*transport, of_class(RequestClass::update));
    Started second = start(*transport, of_class(RequestClass::update));
    Started third = start(*transport, of_class(RequestClass::update));
    second.transfer->cancel();
    const auto response = second.result.get();
    ASSERT_FALSE(response);
    EXPECT_EQ(response.error().kind, ErrorKind::cancelled);
    EXPECT_FALSE(response.error().outcome_unknown);
    server.release();
    EXPECT_TRUE(first.result.get());
    EXPECT_TRUE(third.result.get());
    EXPECT_EQ(server.requests().size(), 2U);
}

TEST_F(BudgetsTest, destructor_ends_everything_once_whether_queued_or_in_flight) {
    transport = transport_or_die({.update_max = 4});
    server.always(raw::stall());
    std::vector<Started> started;
    for (int i = 0; i < 20; ++i) {
        HttpRequest made = request(HttpMethod::put);
        made.request_class = RequestClass::update;
        started.push_back(start(*transport, std::move(made)));
    }
    ASSERT_TRUE(server.wait_for_requests(4));
    transport.reset();
    size_t unknown = 0;
    for (Started& each : started) {
        ASSERT_EQ(each.result.wait_for(std::chrono::seconds(0)), std::future_status::ready);
        const auto response = each.result.get();
        ASSERT_FALSE(response);
        EXPECT_EQ(response.error().kind, ErrorKind::cancelled);
        unknown += response.error().outcome_unknown ? 1 : 0;
    }
    EXPECT_EQ(unknown, 4U);
}

TEST_F(BudgetsTest, done_may_start_the_next_request_even_while_the_transport_ends) {
    std::promise<void> finished;
    int left = 100;
    std::function<void(Result<HttpResponse>)> next = [&](const Result<HttpResponse>& response) {
        EXPECT_TRUE(response);
        if (--left == 0) return finished.set_value();
        transport->start(request(HttpMethod::head), next);
    };
    transport->start(request(HttpMethod::head), next);
    finished.get_future().get();
    EXPECT_EQ(server.requests().size(), 100U);
    EXPECT_EQ(server.connections(), 1U);

    server.always(raw::stall());
    std::promise<Result<HttpResponse>> second;
    Transport* const raw_transport = transport.get();
    transport->start(request(HttpMethod::head), [&](const Result<HttpResponse>& response) {
        EXPECT_FALSE(response);
        raw_transport->start(request(HttpMethod::head),
                             [&](Result<HttpResponse> last) { second.set_value(std::move(last)); });
    });
    transport.reset();
    const auto last = second.get_future().get();
    ASSERT_FALSE(last);
    EXPECT_EQ(last.error().kind, ErrorKind::cancelled);
}

TEST_F(BudgetsTest, threads_share_the_transport) {
    std::vector<std::thread> threads;
    std::atomic<int> good = 0;
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 100; ++i) {
                const std::string target = "/" + std::to_string(t) + "/" + std::to_string(i);
                good += send(request(HttpMethod::head, target)).has_value() ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(good, 800);
    EXPECT_EQ(server.requests().size(), 800U);
    EXPECT_LE(server.connections(), 8U);
}

TEST_F(BudgetsTest, transport_that_did_nothing_ends_at_once) {
    for (int i = 0; i < 20; ++i) transport = transport_or_die();
    EXPECT_EQ(server.connections(), 0U);
}

}  // namespace
}  // namespace xbucket::testing
