package daemon

import (
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/model"
)

// TestAbilities: what an engine cannot do, validation refuses, and nothing else.
func TestAbilities(t *testing.T) {
	type key struct {
		topic, rest string // YAML of the topic, and of the end of the file
		able        func(engine.Abilities) bool
	}
	keys := map[string][]key{ // by field of engine.Abilities
		"Dedup":     {{"dedup_window: 1h", "", func(a engine.Abilities) bool { return a.Dedup >= time.Hour }}},
		"Retention": {{"retention: {time: 1h, full: drop_oldest}", "", func(a engine.Abilities) bool { return a.Retention }}},
		"Refuse":    {{"retention: {size: 1Gi, full: refuse}", "", func(a engine.Abilities) bool { return a.Refuse }}},
		"Replay": {
			{"", "    subscribes: {t: {path: /t, from: all}}\n", func(a engine.Abilities) bool { return a.Replay }},
			{"", "    subscribes: {t: {path: /t, from: 2026-01-31T12:00:00Z}}\n", func(a engine.Abilities) bool { return a.Replay }},
			{
				"", "sagas:\n  s:\n    steps:\n      - {name: w, wait: {topic: t, where: \"true\", deadline: 1m}}\n",
				func(a engine.Abilities) bool { return a.Replay },
			},
		},
		"Open": nil, "Gapless": nil, // no key asks for them
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[engine.Abilities]()) {
		if _, known := keys[f.Name]; !known {
			t.Errorf("it is not said which keys want the ability %s", f.Name)
		}
	}
	for name, url := range map[string]string{
		appfile.EngineEmbedded: "", appfile.EngineNATS: "nats://127.0.0.1:1", appfile.EngineKafka: "127.0.0.1:1", appfile.EngineRabbitMQ: "amqp://127.0.0.1:1",
	} {
		e, _, err := choice{engine: name, url: url, dedup: time.Hour}.open(t.TempDir(), &model.App{Name: "shop"}, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		can := e.Can()
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		for ability, all := range keys {
			for _, k := range all {
				topic := k.topic
				if ability != "Dedup" {
					topic = "dedup_window: 0s, " + topic
				}
				file := fmt.Sprintf("bus: {engine: %s, url: %q}\ntopics: {t: {%s}}\nservices:\n  web:\n    command: web\n    publishes: [t]\n%s", name, url, topic, k.rest)
				_, err := appfile.Parse("banyan.yaml", []byte(file), appfile.Options{})
				if able := k.able(can); able != (err == nil) {
					t.Errorf("%s: %s is %v, and validation says %v of\n%s", name, ability, able, err, file)
				}
			}
		}
	}
}
