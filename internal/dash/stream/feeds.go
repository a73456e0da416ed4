package stream

import (
	"context"
	"encoding/json"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/banyanrun/banyan/internal/proxy/account"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Feeds are where the dashboard's events come from. They are called from several
// goroutines.
type Feeds struct {
	// Status says how the app is; usage asks for what processes use as well.
	Status func(ctx context.Context, usage bool) (*banyanv1.Status, error)
	// Changes returns a channel that is closed when the status changes next.
	Changes func() <-chan struct{}
	// Stats is what the data plane has counted.
	Stats  func(ctx context.Context) (account.Snapshot, error)
	Topics func(ctx context.Context) (*banyanv1.ListTopicsResponse, error)
	Sagas  func(ctx context.Context) (*banyanv1.ListSagasResponse, error)
	// Alerts is nil where there are none.
	Alerts func(ctx context.Context) (*banyanv1.ListAlertsResponse, error)
}

const (
	statusEvery = 500 * time.Millisecond
	usageEvery  = 5 * time.Second
	ratesEvery  = time.Second
	keptRates   = 60
	listsEvery  = 2 * time.Second
	alertsEvery = 5 * time.Second
)

// Sources are the dashboard's.
func (f Feeds) Sources() []Source {
	use, flow := &usage{}, &rates{}
	all := []Source{
		{Kind: "status", Every: statusEvery, Changed: f.Changes, Get: func(ctx context.Context) (Item, error) {
			st, err := f.Status(ctx, false)
			return message(st, err)
		}},
		{Kind: "usage", Every: usageEvery, Get: func(ctx context.Context) (Item, error) {
			st, err := f.Status(ctx, true)
			if err != nil {
				return Item{}, err
			}
			return plain(use.next(st, time.Now()))
		}},
		{Kind: "rates", Every: ratesEvery, Keep: keptRates, Get: func(ctx context.Context) (Item, error) {
			s, err := f.Stats(ctx)
			if err != nil {
				return Item{}, err
			}
			if next := flow.next(&s); next != nil {
				return plain(next)
			}
			return Item{}, nil
		}},
		{Kind: "topics", Every: listsEvery, Get: func(ctx context.Context) (Item, error) {
			list, err := f.Topics(ctx)
			item, err := message(list, err)
			if err != nil {
				return Item{}, err
			}
			list.Time = nil // it always differs
			item.Sum, err = proto.MarshalOptions{Deterministic: true}.Marshal(list)
			return item, err
		}},
		{Kind: "sagas", Every: listsEvery, Get: func(ctx context.Context) (Item, error) {
			list, err := f.Sagas(ctx)
			return message(list, err)
		}},
	}
	return append(all, Source{Kind: "alerts", Every: alertsEvery, Get: func(ctx context.Context) (Item, error) {
		if f.Alerts == nil {
			return Item{}, nil
		}
		list, err := f.Alerts(ctx)
		if err != nil {
			return Item{}, err
		}
		item, err := message(list, nil)
		if err != nil {
			return Item{}, err
		}
		for _, r := range list.GetRules() {
			r.EvaluatedAt = nil // it always differs
		}
		item.Sum, err = proto.MarshalOptions{Deterministic: true}.Marshal(list)
		return item, err
	}})
}

func message(m proto.Message, err error) (Item, error) {
	if err != nil {
		return Item{}, err
	}
	data, err := protojson.Marshal(m)
	return Item{Data: data}, err
}

func plain(v any) (Item, error) {
	data, err := json.Marshal(v)
	return Item{Data: data}, err
}
