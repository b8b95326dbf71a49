// SPDX-License-Identifier: Apache-2.0
// The two ends of the stream to a judge, and what becomes of those who talk nonsense.
#include "cluster/life/judge_service.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "cluster/bus_channel.h"
#include "cluster/bus_server.h"
#include "cluster/life/failover_calls.h"
#include "cluster/life/judge_link.h"
#include "cluster/life/testing/loopback.h"
#include "henge/judge.grpc.pb.h"

namespace henge::cluster {
namespace {

NodeId Id(int i) { return NodeId::FromName("n" + std::to_string(i)); }

// Answers each beat at once; takes none of n9, and no question about n9.
class Judge final : public JudgeListener {
 public:
  Judge() {
    server = *BusServer::Start({}, {service.service()});
    address = {.id = Id(0), .host = "127.0.0.1", .bus_port = server->port()};
  }
  ~Judge() override {
    service.Close();
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }
  bool OnBeat(NodeBeat beat) override {
    service.Answer({.node = beat.node, .sent_micros = beat.sent_micros, .term = 3});
    return beat.node != Id(9);
  }
  void OnFailover(const FailoverQuestion& question, QuestionPtr answer) override {
    if (question.to != Id(9)) return answer->Answer(absl::FailedPreconditionError("no"));
    const std::lock_guard lock(mutex_);
    kept_.push_back(std::move(answer));
  }
  void Forget() {
    const std::lock_guard lock(mutex_);
    kept_.clear();
  }
  bool keeps() {
    const std::lock_guard lock(mutex_);
    return !kept_.empty();
  }

  JudgeService service{*this};
  std::unique_ptr<BusServer> server;
  PeerAddress address;

 private:
  std::mutex mutex_;
  std::vector<QuestionPtr> kept_;  // Guarded by mutex_.
};

struct Heard {
  std::mutex mutex;
  std::vector<BeatAnswer> answers;
  size_t count() {
    const std::lock_guard lock(mutex);
    return answers.size();
  }
};

TEST(JudgeService, AnswersByTheStream) {
  Judge judge;
  Heard heard;
  JudgeLink link([&](BeatAnswer answer) {
    const std::lock_guard lock(heard.mutex);
    heard.answers.push_back(std::move(answer));
  });
  link.Send({.node = Id(1)});  // To nobody yet.
  EXPECT_TRUE(link.Attend(judge.address));
  EXPECT_FALSE(link.Attend(judge.address));
  ASSERT_TRUE(Eventually([&] {
    link.Send({.node = Id(1), .sent_micros = 5});
    return heard.count() > 2;
  }));
  EXPECT_EQ(heard.answers.front().term, 3u);
  EXPECT_EQ(heard.answers.front().sent_micros, 5);
  link.Renew();
  const size_t before = heard.count();
  EXPECT_TRUE(Eventually([&] {
    link.Send({.node = Id(1)});
    return heard.count() > before + 2;
  }));
}

// What becomes of a stream on which that is sent.
grpc::Status Attend(const Judge& judge, const std::vector<bus::LifeBeat>& beats) {
  const auto stub = bus::ClusterJudge::NewStub(ConnectToBus(judge.address));
  grpc::ClientContext context;
  const auto stream = stub->Attend(&context);
  for (const bus::LifeBeat& beat : beats) stream->Write(beat);
  bus::LifeAnswer answer;
  while (stream->Read(&answer)) {
  }
  return stream->Finish();
}

TEST(JudgeService, EndsStreamsThatMakeNoSense) {
  Judge judge;
  bus::LifeBeat sound;
  Write(NodeBeat{.node = Id(1)}, sound);
  bus::LifeBeat other;
  Write(NodeBeat{.node = Id(2)}, other);
  bus::LifeBeat stranger;
  Write(NodeBeat{.node = Id(9)}, stranger);
  bus::LifeBeat garbage = sound;
  garbage.add_groups()->set_group("g");
  using Code = grpc::StatusCode;
  EXPECT_EQ(Attend(judge, {garbage}).error_code(), Code::INVALID_ARGUMENT);
  EXPECT_EQ(Attend(judge, {sound, garbage}).error_code(), Code::INVALID_ARGUMENT);
  EXPECT_EQ(Attend(judge, {sound, other}).error_code(), Code::INVALID_ARGUMENT);
  EXPECT_EQ(Attend(judge, {stranger}).error_code(), Code::FAILED_PRECONDITION);
}

TEST(JudgeService, ANewerStreamOfTheNodeTakesTheOldersPlace) {
  Judge judge;
  bus::LifeBeat beat;
  Write(NodeBeat{.node = Id(1)}, beat);
  const auto stub = bus::ClusterJudge::NewStub(ConnectToBus(judge.address));
  grpc::ClientContext old_context;
  const auto old_stream = stub->Attend(&old_context);
  bus::LifeAnswer answer;
  ASSERT_TRUE(old_stream->Write(beat) && old_stream->Read(&answer));
  grpc::ClientContext new_context;
  const auto new_stream = stub->Attend(&new_context);
  ASSERT_TRUE(new_stream->Write(beat) && new_stream->Read(&answer));
  while (old_stream->Read(&answer)) {
  }
  EXPECT_EQ(old_stream->Finish().error_code(), grpc::StatusCode::ABORTED);
  EXPECT_TRUE(new_stream->Write(beat) && new_stream->Read(&answer));
  new_context.TryCancel();
  while (new_stream->Read(&answer)) {
  }
  (void)new_stream->Finish();
}

FailoverQuestion About(int to) {
  return {.group = GroupId::FromName("g"), .to = Id(to), .timeout_ms = 60'000};
}

TEST(FailoverCalls, BringTheAnswer) {
  Judge judge;
  FailoverCalls calls;
  Outcome refused;
  calls.Ask(judge.address, About(1), std::make_shared<Question>(refused.told()));
  EXPECT_EQ(refused.Await(), absl::FailedPreconditionError("no"));
  Outcome forgotten;
  calls.Ask(judge.address, About(9), std::make_shared<Question>(forgotten.told()));
  ASSERT_TRUE(Eventually([&] { return judge.keeps(); }));
  judge.Forget();
  EXPECT_TRUE(absl::IsUnavailable(forgotten.Await()));
  Outcome nobody;
  calls.Ask({.host = "127.0.0.1", .bus_port = FreePort()}, About(1),
            std::make_shared<Question>(nobody.told()));
  EXPECT_TRUE(absl::IsUnavailable(nobody.Await()));
}

TEST(FailoverCalls, AnswerWhenTheyAreGivenUp) {
  Judge judge;
  Outcome outcome;
  {
    FailoverCalls calls;
    calls.Ask(judge.address, About(9), std::make_shared<Question>(outcome.told()));
    ASSERT_TRUE(Eventually([&] { return judge.keeps(); }));
  }
  EXPECT_TRUE(absl::IsUnavailable(outcome.Await()));
}

TEST(FailoverCalls, RefuseMoreThanAFew) {
  Judge judge;
  FailoverCalls calls;
  std::vector<Outcome> outcomes(20);
  for (Outcome& outcome : outcomes) {
    calls.Ask(judge.address, About(9), std::make_shared<Question>(outcome.told()));
  }
  EXPECT_TRUE(absl::IsUnavailable(outcomes.back().Await()));
}

}  // namespace
}  // namespace henge::cluster
