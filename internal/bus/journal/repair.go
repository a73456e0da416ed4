package journal

import (
	"context"
	"errors"
	"path/filepath"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

var _ engine.Mender = (*Journal)(nil)

// Damage implements engine.Mender.
func (j *Journal) Damage(ctx context.Context, name string) (engine.Loss, error) {
	j.ensure.Lock()
	defer j.ensure.Unlock()
	t, err := j.stopped(name)
	if err != nil {
		return engine.Loss{}, err
	}
	l, err := t.inspect()
	return l.Loss, errors.Join(err, ctx.Err())
}

// Skip implements engine.Mender.
func (j *Journal) Skip(ctx context.Context, name string, count uint64) (engine.Loss, error) {
	j.ensure.Lock()
	defer j.ensure.Unlock()
	t, err := j.stopped(name)
	if err != nil {
		return engine.Loss{}, err
	}
	l, err := t.inspect()
	if err := errors.Join(err, ctx.Err()); err != nil {
		return l.Loss, err
	}
	if l.Count() != count {
		return l.Loss, fault.New(fault.Conflict, "topic %s lacks %d events, not %d", name, l.Count(), count).At(l.Where)
	}
	t.leave()
	if l.mend != nil {
		err = l.mend()
	}
	return l.Loss, errors.Join(err, j.reopen(t))
}

// BeginAnew implements engine.Mender.
func (j *Journal) BeginAnew(_ context.Context, name string) (engine.Loss, error) {
	j.ensure.Lock()
	defer j.ensure.Unlock()
	t, err := j.topic(name)
	if err != nil {
		return engine.Loss{}, err
	}
	t.leave()
	end := t.known()
	l := engine.Loss{First: t.floor() + 1, Last: end, Where: t.dir, Moved: t.dir + "~" + j.Now().UTC().Format("20060102T150405Z")}
	err = j.replace(t, l.Moved, end)
	return l, errors.Join(err, j.reopen(t))
}

// reopen puts another in the place of a topic that was left.
func (j *Journal) reopen(t *topic) error {
	after, err := j.open(t.want)
	if err == nil {
		after.adjust(t.want)
	}
	return err
}

// replace moves a topic's directory away and makes another, in which the events up
// to end are a hole. If it is cut short the topic is damaged, and it can be made again.
func (j *Journal) replace(t *topic, moved string, end uint64) error {
	for _, err := range []error{j.FS.Rename(t.dir, moved), j.FS.MkdirAll(t.dir), j.FS.SyncDir(filepath.Dir(t.dir))} {
		if err != nil {
			return err
		}
	}
	if end == 0 {
		return nil
	}
	return t.makeHole(1, end, 1)
}

// stopped returns a topic that is damaged.
func (j *Journal) stopped(name string) (*topic, error) {
	t, err := j.topic(name)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !errors.Is(t.stopped, engine.ErrDamaged) {
		return nil, fault.New(fault.Conflict, "topic %s is not damaged", name)
	}
	return t, nil
}

// leave ends a topic whose files another is opened on. Until then, and for those
// that have it still, it is closed.
func (t *topic) leave() {
	t.end()
	t.tasks.Wait()
	t.closeFiles()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.j.used.Add(-t.bytes())
}
