// filter_oracle - which messages a subscription's filter passes, by pstest, the fake Pub/Sub of Google's Go client.
//
// Standard input: a line {"messages":[{"key":"value"}, ...]}, then lines {"filter":"..."}.  Standard output, for each filter:
// a line {"error":"..."}, or {"passes":"0101"} with a digit for each message.
// tests/tools/filter_match.c answers the same by our evaluator.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"

	pb "cloud.google.com/go/pubsub/v2/apiv1/pubsubpb"
	"cloud.google.com/go/pubsub/v2/pstest"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	topic   = "projects/p/topics/t"
	lineMax = 1 << 20
)

type answer struct {
	Error  string `json:"error,omitempty"`
	Passes string `json:"passes,omitempty"`
}

// One topic and one subscription for each filter: messages wait there for nobody else.
func ask(server *pstest.GServer, name, filter string, messages []map[string]string) (answer, error) {
	ctx := context.Background()
	sub := &pb.Subscription{Name: name, Topic: topic, AckDeadlineSeconds: 600, Filter: filter}
	if _, err := server.CreateSubscription(ctx, sub); status.Code(err) == codes.InvalidArgument {
		return answer{Error: status.Convert(err).Message()}, nil
	} else if err != nil {
		return answer{}, err
	}
	request := &pb.PublishRequest{Topic: topic}
	for i, attributes := range messages {
		request.Messages = append(request.Messages, &pb.PubsubMessage{Data: []byte{byte(i)}, Attributes: attributes})
	}
	if _, err := server.Publish(ctx, request); err != nil {
		return answer{}, err
	}
	pull := &pb.PullRequest{Subscription: name, MaxMessages: int32(len(messages)), ReturnImmediately: true}
	got, err := server.Pull(ctx, pull)
	if err != nil {
		return answer{}, err
	}
	passes := []byte{}
	for range messages {
		passes = append(passes, '0')
	}
	for _, received := range got.ReceivedMessages {
		passes[received.Message.Data[0]] = '1'
	}
	_, err = server.DeleteSubscription(ctx, &pb.DeleteSubscriptionRequest{Subscription: name})
	return answer{Passes: string(passes)}, err
}

func run() error {
	var setting struct{ Messages []map[string]string }
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineMax)
	if !lines.Scan() {
		return fmt.Errorf("no messages on standard input: %v", lines.Err())
	}
	if err := json.Unmarshal(lines.Bytes(), &setting); err != nil {
		return fmt.Errorf("line 1: %w", err)
	}
	if len(setting.Messages) == 0 || len(setting.Messages) > 256 {
		return fmt.Errorf("line 1: %d messages: want 1 to 256", len(setting.Messages))
	}
	server := pstest.NewServer()
	defer server.Close()
	if _, err := server.GServer.CreateTopic(context.Background(), &pb.Topic{Name: topic}); err != nil {
		return err
	}
	out := json.NewEncoder(os.Stdout)
	for n := 2; lines.Scan(); n++ {
		var line struct{ Filter string }
		if err := json.Unmarshal(lines.Bytes(), &line); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		got, err := ask(&server.GServer, fmt.Sprintf("projects/p/subscriptions/s%d", n), line.Filter, setting.Messages)
		if err == nil {
			err = out.Encode(got)
		}
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	return lines.Err()
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("filter_oracle: ")
	if err := run(); err != nil {
		log.Fatal(err)
	}
}
