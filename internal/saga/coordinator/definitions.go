package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// compiled is a definition with what the coordinator itself must know of it.
type compiled struct {
	*definition.Definition
	startedBy []string
	// topics that its steps wait for.
	topics []string
	// callees are the services of the steps' requests.
	callees map[stepOp]string
}

type stepOp struct {
	step string
	op   machine.Op
}

func newCompiled(d *definition.Definition) (*compiled, error) {
	var src definition.Source
	if err := json.Unmarshal(d.Source(), &src); err != nil || src.Saga == nil {
		return nil, fmt.Errorf("the definition of the saga %s cannot be read: %w", d.Name, err)
	}
	c := &compiled{Definition: d, startedBy: src.Saga.StartedBy, callees: map[stepOp]string{}}
	for _, s := range src.Saga.Steps {
		c.add(s)
		for _, beside := range s.Parallel {
			c.add(beside)
		}
	}
	return c, nil
}

func (c *compiled) add(s *appfile.SagaStep) {
	if s.Wait != nil && !slices.Contains(c.topics, s.Wait.Topic) {
		c.topics = append(c.topics, s.Wait.Topic)
	}
	if s.Call == nil {
		return
	}
	c.callees[stepOp{s.Name, machine.Do}] = s.Call.Service
	c.callees[stepOp{s.Name, machine.Undo}] = s.Call.Service
	if s.Undo != nil && s.Undo.Service != "" {
		c.callees[stepOp{s.Name, machine.Undo}] = s.Undo.Service
	}
}

// allows tells whether a service may start and steer sagas of it; empty: a person.
func (c *compiled) allows(by string) bool {
	return by == "" || len(c.startedBy) == 0 || slices.Contains(c.startedBy, by)
}

// definitionsMost bounds how many that are not in force are kept compiled.
const definitionsMost = 64

// definitions are those in force, and those that sagas still run by.
type definitions struct {
	store store.Store

	mu      sync.Mutex
	inForce map[string]*compiled // by name
	known   map[string]*compiled // by digest
	stored  map[string]bool      // digests
}

func (d *definitions) apply(defs map[string]*definition.Definition) error {
	inForce := map[string]*compiled{}
	known := map[string]*compiled{}
	for name, def := range defs {
		c, err := newCompiled(def)
		if err != nil {
			return err
		}
		inForce[name], known[def.Digest] = c, c
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.inForce, d.known = inForce, known
	return nil
}

// named returns what sagas of a name are started with, nil if there is nothing.
func (d *definitions) named(name string) *compiled {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.inForce[name]
}

// allowed returns the names of the sagas in force that a service may steer.
func (d *definitions) allowed(by string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var names []string
	for name, c := range d.inForce {
		if c.allows(by) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// keep stores a definition before the first saga is started with it.
func (d *definitions) keep(ctx context.Context, c *compiled) error {
	d.mu.Lock()
	done := d.stored[c.Digest]
	d.mu.Unlock()
	if done {
		return nil
	}
	if err := d.store.Define(ctx, store.Definition{Digest: c.Digest, Name: c.Name, Text: c.Source()}); err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.stored == nil {
		d.stored = map[string]bool{}
	}
	d.stored[c.Digest] = true
	return nil
}

// get returns the definition that a saga was started with.
func (d *definitions) get(ctx context.Context, digest string) (*compiled, error) {
	d.mu.Lock()
	c := d.known[digest]
	d.mu.Unlock()
	if c != nil {
		return c, nil
	}
	kept, err := d.store.Definition(ctx, digest)
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.New(fault.Damaged, "the definition that the saga was started with is lost")
	}
	if err != nil {
		return nil, err
	}
	parsed, err := definition.Parse(kept.Text)
	if err != nil {
		return nil, fault.New(fault.Internal, "the definition that the saga was started with cannot be used any more: %w", err)
	}
	if c, err = newCompiled(parsed); err != nil {
		return nil, err
	}
	c.Digest = digest
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.known) > definitionsMost+len(d.inForce) {
		d.known = map[string]*compiled{}
		for _, c := range d.inForce {
			d.known[c.Digest] = c
		}
	}
	if d.known == nil {
		d.known = map[string]*compiled{}
	}
	d.known[digest] = c
	return c, nil
}
