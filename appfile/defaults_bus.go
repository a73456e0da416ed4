package appfile

import (
	"maps"
	"time"
)

const day = Duration(24 * time.Hour)

// busDefaults completes Topics, so that it holds all topics there are.
func (a *App) busDefaults() {
	add := func(name string) {
		if a.Topics[name] == nil && topicName().MatchString(name) && len(name) <= maxTopicName {
			if a.Topics == nil {
				a.Topics = map[string]*Topic{}
			}
			a.Topics[name] = &Topic{}
		}
	}
	for name := range maps.Clone(a.Topics) {
		add(name)
	}
	for _, s := range a.Services {
		for _, name := range s.Publishes {
			add(name)
		}
		for name, sub := range s.Subscribes {
			if sub == nil {
				sub = &Subscription{}
				s.Subscribes[name] = sub
			}
			sub.applyDefaults()
			add(name)
			add(sub.DeadLetter)
		}
	}
	for _, j := range a.Jobs {
		for _, name := range j.Publishes {
			add(name)
		}
	}
	if a.Bus == nil && len(a.Topics) > 0 {
		a.Bus = &Bus{}
	}
	if a.Bus != nil {
		a.Bus.applyDefaults()
	}
	for _, t := range a.Topics {
		t.applyDefaults(a.Bus.Engine)
	}
}

func (b *Bus) applyDefaults() {
	setDefault(&b.Engine, EngineEmbedded)
	if b.Engine == EngineEmbedded {
		setDefault(&b.MaxBytes, 10<<30)
	}
}

func (t *Topic) applyDefaults(engine string) {
	if t.Key == nil {
		t.Key = new("subject")
	}
	if t.DedupWindow == nil {
		t.DedupWindow = new(day)
	}
	if t.Retention == nil && engine != EngineRabbitMQ {
		t.Retention = &Retention{}
	}
	if r := t.Retention; r != nil {
		setDefault(&r.Time, 7*day)
		setDefault(&r.Size, 1<<30)
		setDefault(&r.Full, FullRefuse)
	}
	setDefault(&t.Compatibility, CompatibilityBackward)
	setDefault(&t.MaxEvent, 256<<10)
}

func (s *Subscription) applyDefaults() {
	setDefault(&s.From, FromNew)
	setDefault(&s.Concurrency, 16)
	setDefault(&s.Timeout, Duration(30*time.Second))
	if s.MaxAttempts == nil {
		s.MaxAttempts = new(16)
	}
	if s.Backoff == nil {
		s.Backoff = &Backoff{}
	}
	waitDefaults(&s.Backoff.First, &s.Backoff.Most, Duration(5*time.Minute))
	setDefault(&s.Content, ContentBinary)
}

// waitDefaults fits the one wait that is missing to the one that is given.
func waitDefaults(first, most *Duration, longest Duration) {
	shortest := Duration(200 * time.Millisecond)
	if *most != 0 {
		shortest = min(shortest, *most)
	}
	setDefault(first, shortest)
	setDefault(most, max(longest, *first))
}

// sagaDefaults fills in sagas and their steps.
func (a *App) sagaDefaults() {
	for name, s := range a.Sagas {
		if s == nil {
			s = &Saga{}
			a.Sagas[name] = s
		}
		setDefault(&s.Timeout, Duration(time.Hour))
		setDefault(&s.Retention, 7*day)
		stepDefaults(s.Steps)
	}
}

func stepDefaults(steps []*SagaStep) {
	for _, s := range steps {
		if s == nil {
			continue
		}
		if s.Call != nil {
			s.callDefaults()
		}
		if w := s.Wait; w != nil {
			setDefault(&w.Else, "abort")
			setDefault(&s.Output, "event.data")
		}
		stepDefaults(s.Parallel)
	}
}

func (s *SagaStep) callDefaults() {
	setDefault(&s.Call.Method, "POST")
	setDefault(&s.Timeout, Duration(30*time.Second))
	setDefault(&s.Output, "response.body")
	if s.Retry == nil {
		s.Retry = &StepRetry{}
	}
	waitDefaults(&s.Retry.First, &s.Retry.Most, Duration(30*time.Second))
	setDefault(&s.Retry.For, Duration(10*time.Minute))
	if u := s.Undo; u != nil && !u.None {
		setDefault(&u.Service, s.Call.Service)
		setDefault(&u.Method, "POST")
		setDefault(&u.Absent, "attention")
	}
}
