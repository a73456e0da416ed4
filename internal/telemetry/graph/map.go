package graph

import (
	"cmp"
	"slices"
	"time"
)

// Map is an app's graph.
type Map struct {
	Nodes []Node // by kind and name
	Edges []Edge // by their ends
}

// The kinds of nodes, which begin their ids: "service:order".
const (
	Gateway  = "gateway"
	Service  = "service"
	Job      = "job"
	Topic    = "topic"
	Database = "database"
	Outside  = "outside"
	Client   = "client"
	Platform = "platform" // Banyan, where it makes the steps of sagas
)

// The kinds of edges; others are kinds of nodes: Database and Outside.
const (
	Call    = "call"
	Publish = "publish"
	Deliver = "deliver"
)

// Node is something that calls or is called.
type Node struct {
	ID, Kind, Name string
	State, Owner   string // of services and jobs
	Rates          Rates  // of what it answered
}

// Edge leads from one node to another.
type Edge struct {
	From, To string // ids
	Kind     string
	Declared bool
	Rates    Rates
	// Refused is how many calls a second were refused as they are not declared.
	Refused float64
}

// Rates are of requests, a second; the percentiles are zero where they are not known.
type Rates struct {
	Requests, Errors float64
	P50, P95, P99    time.Duration
}

// drawing is a map that is being made.
type drawing struct {
	nodes map[string]*drawnNode
	edges map[[3]string]*drawnEdge // by ends and kind
}

type drawnNode struct {
	Node
	times spread
}

type drawnEdge struct {
	Edge
	times spread
}

func newDrawing() *drawing {
	return &drawing{nodes: map[string]*drawnNode{}, edges: map[[3]string]*drawnEdge{}}
}

// node returns the node of a kind with a name, which it makes if it has to.
func (d *drawing) node(kind, name string) *drawnNode {
	id := kind + ":" + name
	n := d.nodes[id]
	if n == nil {
		n = &drawnNode{Node: Node{ID: id, Kind: kind, Name: name}}
		d.nodes[id] = n
	}
	return n
}

// edge returns the edge between two nodes.
func (d *drawing) edge(from, to *drawnNode, kind string) *drawnEdge {
	key := [3]string{from.ID, to.ID, kind}
	e := d.edges[key]
	if e == nil {
		e = &drawnEdge{Edge: Edge{From: from.ID, To: to.ID, Kind: kind}}
		d.edges[key] = e
	}
	return e
}

// declare draws an edge that the app file has.
func (d *drawing) declare(from, to *drawnNode, kind string) { d.edge(from, to, kind).Declared = true }

// done is the map with its percentiles.
func (d *drawing) done() *Map {
	m := &Map{Nodes: make([]Node, 0, len(d.nodes)), Edges: make([]Edge, 0, len(d.edges))}
	for _, n := range d.nodes {
		n.times.percentiles(&n.Rates)
		m.Nodes = append(m.Nodes, n.Node)
	}
	for _, e := range d.edges {
		e.times.percentiles(&e.Rates)
		m.Edges = append(m.Edges, e.Edge)
	}
	slices.SortFunc(m.Nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	slices.SortFunc(m.Edges, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To), cmp.Compare(a.Kind, b.Kind))
	})
	return m
}
