package daemon

import (
	"slices"
	"testing"

	"github.com/banyanrun/banyan/appfile"
)

// TestDraftKeepsTopics: the desired app says what the bus needs, with schemas where they are.
func TestDraftKeepsTopics(t *testing.T) {
	file, err := appfile.Parse("/srv/shop/banyan.yaml", []byte(`
topics:
  placed: {schema: schemas/placed.json}
  paid: {schema: /etc/paid.json}
services:
  order: {command: ./order, publishes: [placed, paid]}
  stock: {command: ./stock, subscribes: {placed: /placed}}
jobs:
  nightly: {command: ./nightly, publishes: [reported]}
`), appfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	app, err := draft(file, "", nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if app.Bus == nil || app.Bus.Engine != appfile.EngineEmbedded || len(app.Topics) != 3 {
		t.Fatalf("bus %+v, topics %v", app.Bus, app.Topics)
	}
	if placed, paid := app.Topics["placed"].Schema, app.Topics["paid"].Schema; placed != "/srv/shop/schemas/placed.json" || paid != "/etc/paid.json" {
		t.Errorf("schemas are %s and %s", placed, paid)
	}
	if sub := app.Services["stock"].Spec.Subscribes["placed"]; sub == nil || sub.Path != "/placed" {
		t.Errorf("the subscription is %+v", sub)
	}
	if got := app.Services["nightly"].Spec.Publishes; !slices.Equal(got, []string{"reported"}) {
		t.Errorf("the job publishes %v", got)
	}
}
