package e2e

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// publishFile is an app whose service front publishes on one of two topics.
const publishFile = `
name: publish
gateway: {listen: ":${port}", routes: [{path: /front, to: front}]}
services:
	front: {command: "${testapp}", readiness: {http: /healthz}, publishes: [order.placed]}
	mail: {command: "${testapp}", readiness: {http: /healthz}, publishes: [mail.sent]}
`

// A service publishes by gRPC, and by JSON in Connect's form, at the address where
// it publishes by HTTP; Banyan knows who it is there, with a token and without.
func TestPublishByRPC(t *testing.T) {
	a := newApp(t, publishFile)
	a.up()
	url := a.banyanURL()
	token := string(get(t, a.url("/front/env?name=BANYAN_TOKEN")).body)

	cc, err := grpc.NewClient("passthrough:///"+strings.TrimPrefix(url, "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer cc.Close()
	publish := func(topic, token string) (*banyanv1.PublishResponse, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		if token != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
		}
		res := &banyanv1.PublishResponse{}
		return res, cc.Invoke(ctx, banyanv1connect.BusServicePublishProcedure, &banyanv1.PublishRequest{
			Topic: topic, Event: &banyanv1.CloudEvent{Id: "by-grpc", Data: &banyanv1.CloudEvent_TextData{TextData: `{"order": 1}`}},
		}, res)
	}
	for n, token := range []string{"", token} {
		res, err := publish("order.placed", token)
		if e := res.GetEvent(); err != nil || e.GetId() != "by-grpc" || e.GetSource() != "/services/front" || e.GetSequence() != "1" || e.GetDuplicate() != (n > 0) {
			t.Errorf("%v, %v", res, err)
		}
	}
	for _, c := range []struct {
		topic, token string
		code         codes.Code
		problem      string
	}{
		{"mail.sent", "", codes.PermissionDenied, "publish-refused"},
		{"none", "", codes.NotFound, "no-topic"},
		{"order.placed", "forged", codes.Unauthenticated, "token-invalid"},
	} {
		_, err := publish(c.topic, c.token)
		s := status.Convert(err)
		if s.Code() != c.code || len(s.Details()) != 1 {
			t.Errorf("topic %s: %v", c.topic, err)
			continue
		}
		if p, ok := s.Details()[0].(*banyanv1.Problem); !ok || p.GetCode() != c.problem {
			t.Errorf("topic %s: %v", c.topic, s.Details())
		}
	}

	res := ask(t, http.MethodPost, url+banyanv1connect.BusServicePublishBatchProcedure,
		json.RawMessage(`{"topic": "order.placed", "events": [{"id": "by-json", "textData": "1"}, {"id": "by-grpc"}]}`))
	var answer struct{ Events []struct{ Sequence string } }
	if err := json.Unmarshal(res.body, &answer); err != nil || res.status != 200 || len(answer.Events) != 2 || answer.Events[0].Sequence != "2" {
		t.Errorf("%s: %v", res, err)
	}
}
