package admin

import (
	"maps"
	"testing"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func TestDrop(t *testing.T) {
	b := &fakeBus{}
	client := serve(t, engine{bus: b})
	page, err := client.ListDelayed(t.Context(), &banyanv1.ListDelayedRequest{Topic: "t", After: 11})
	if err != nil {
		t.Fatal(err)
	}
	b.wasAsked(t, "t", int64(11))
	if e := page.GetEvents()[0]; e.GetId() != 12 || !e.GetDue().AsTime().Equal(at) || e.GetEvent().GetAttributes()["id"] != "e3" || string(e.GetEvent().GetData()) != "d" {
		t.Errorf("%v", e)
	}
	done, err := client.DropEvents(t.Context(), &banyanv1.DropEventsRequest{Topic: "t", Service: "s", Delayed: true, Id: 12})
	if err != nil || done.GetDropped() != 5 {
		t.Errorf("%v, %v", done, err)
	}
	b.wasAsked(t, "t", "s", true, int64(12))
}

func TestRepairTopic(t *testing.T) {
	for _, c := range []struct {
		req  *banyanv1.RepairTopicRequest
		want []any
	}{
		{&banyanv1.RepairTopicRequest{Topic: "t"}, []any{"damage", "t"}},
		{&banyanv1.RepairTopicRequest{Topic: "t", How: &banyanv1.RepairTopicRequest_Skip{Skip: 0}}, []any{"skip", "t", uint64(0)}},
		{&banyanv1.RepairTopicRequest{Topic: "t", How: &banyanv1.RepairTopicRequest_Skip{Skip: 2}}, []any{"skip", "t", uint64(2)}},
		{&banyanv1.RepairTopicRequest{Topic: "t", How: &banyanv1.RepairTopicRequest_BeginAnew{}}, []any{"damage", "t"}},
		{&banyanv1.RepairTopicRequest{Topic: "t", How: &banyanv1.RepairTopicRequest_BeginAnew{BeginAnew: true}}, []any{"anew", "t"}},
	} {
		b := &fakeBus{}
		got, err := serve(t, engine{bus: b}).RepairTopic(t.Context(), c.req)
		if err != nil {
			t.Fatal(err)
		}
		b.wasAsked(t, c.want...)
		if got.GetEvents() != 2 || got.GetFirst() != "3" || got.GetLast() != "4" || got.GetWhere() != "w" || got.GetMoved() != "m" || got.GetReason() != "l" ||
			!maps.Equal(got.GetMissed(), map[string]uint64{"s": 1}) {
			t.Errorf("%v", got)
		}
	}
}
