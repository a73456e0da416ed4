package engine

import "context"

// Mender is an engine whose damaged topics can go on without what they lost, where
// a person decides so. Sequences stay as they are: those of lost events are gaps.
type Mender interface {
	// Damage looks for the first loss of a stopped topic. It reads all of it. The zero
	// Loss: nothing that is stored is damaged, or not any more.
	Damage(ctx context.Context, topic string) (Loss, error)
	// Skip gives up the first loss of a stopped topic, if it has count events, and
	// opens the topic again: Stat tells whether there is more. Without damage, only
	// that. The error is fault.Conflict if the topic is not stopped, or the loss has
	// another number of events.
	Skip(ctx context.Context, topic string, count uint64) (Loss, error)
	// BeginAnew gives up all events of a topic, stopped or not, and moves what there
	// is of it to a place beside, which it returns. Sequences go on where they were.
	BeginAnew(ctx context.Context, topic string) (Loss, error)
}

// Loss is a part of a topic that cannot be read.
type Loss struct {
	// First and Last are sequences of its events. Last is before First where only what
	// helps to find events is damaged.
	First, Last uint64
	// Where it is, and Moved to where, for a person.
	Where, Moved string
}

// Count is the number of its events.
func (l Loss) Count() uint64 {
	if l.First == 0 {
		return 0
	}
	return l.Last + 1 - l.First
}
