package bus

import (
	"context"
	"maps"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

// SpecOf returns what an app says of its events. schemas has the texts of its
// topics' schemas by topic: ReadSchemas when the app is applied, Bus.Schemas when
// it was in force already and its files may have changed since.
func SpecOf(app *model.App, schemas map[string][]byte) Spec {
	spec := Spec{Topics: map[string]Topic{}, Publishes: map[string][]string{}}
	if app.Bus != nil {
		spec.MaxBytes = int64(app.Bus.MaxBytes)
	}
	for name, t := range app.Topics {
		spec.Topics[name] = topicOf(t, schemas[name])
	}
	for _, name := range slices.Sorted(maps.Keys(app.Services)) {
		s := app.Services[name]
		spec.Publishes[name] = s.Spec.Publishes
		if s.Job != nil || s.LeftOut != "" {
			continue
		}
		for _, topic := range slices.Sorted(maps.Keys(s.Spec.Subscribes)) {
			sub := subscriptionOf(s.Spec.Subscribes[topic])
			sub.Topic, sub.Service = topic, name
			sub.Revision = s.ConfigHash + "/" + s.BuildKey + "/" + strconv.Itoa(s.Restarts)
			spec.Subscriptions = append(spec.Subscriptions, sub)
		}
	}
	return spec
}

func topicOf(t *appfile.Topic, schema []byte) Topic {
	topic := Topic{AnyChange: t.Compatibility == appfile.CompatibilityNone, MaxEvent: int(t.MaxEvent)}
	if t.Schema != "" {
		topic.Schema = schema
	}
	if t.Key != nil {
		topic.Key = *t.Key
	}
	if t.DedupWindow != nil {
		topic.Dedup = time.Duration(*t.DedupWindow)
	}
	if r := t.Retention; r != nil {
		topic.MaxAge, topic.MaxBytes, topic.DropOldest = time.Duration(r.Time), int64(r.Size), r.Full == appfile.FullDropOldest
	}
	return topic
}

func subscriptionOf(s *appfile.Subscription) Subscription {
	sub := Subscription{
		Path: s.Path, From: s.From, Concurrency: s.Concurrency, Timeout: time.Duration(s.Timeout),
		Structured: s.Content == appfile.ContentStructured, DeadLetter: s.DeadLetter,
	}
	if s.MaxAttempts != nil {
		sub.MaxAttempts = *s.MaxAttempts
	}
	if s.Backoff != nil {
		sub.First, sub.Most = time.Duration(s.Backoff.First), time.Duration(s.Backoff.Most)
	}
	return sub
}

// ReadSchemas reads the schema files of an app's topics. Errors are fault.Invalid.
func ReadSchemas(app *model.App) (map[string][]byte, error) {
	all := map[string][]byte{}
	for name, t := range app.Topics {
		if t.Schema == "" {
			continue
		}
		text, err := os.ReadFile(t.Schema)
		if err != nil {
			return nil, fault.New(fault.Invalid, "the schema of topic %s cannot be read: %w", name, err)
		}
		all[name] = text
	}
	return all, nil
}

// Schemas returns the texts of the schemas in force, by topic.
func (b *Bus) Schemas(ctx context.Context) (map[string][]byte, error) { return b.progress.Schemas(ctx) }
