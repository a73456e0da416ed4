package engine

import "errors"

// What callers tell apart by errors.Is. Engines wrap them in a fault.Error that
// says where and what to do.
var (
	// ErrFull: a bound of bytes is met, or the disk is full. Nothing was stored.
	// It passes when retention, subscribers or a person make room.
	ErrFull = errors.New("the topic is full")
	// ErrBusy: too much waits to be stored already. Nothing was stored; try again in a second.
	ErrBusy = errors.New("too many events wait to be stored")
	// ErrStopped: the topic takes no more events until the engine is opened again,
	// since what is on the disk is not known for certain. Reading may go on.
	ErrStopped = errors.New("the topic is stopped")
	// ErrDamaged: stored records are not what was written, or are not there. What
	// lies before them can be read. The topic is stopped until a person decides.
	ErrDamaged = errors.New("the topic is damaged")
	// ErrGone: retention has removed what should be read next. Stat tells where what is kept begins.
	ErrGone = errors.New("the events are no longer kept")
	// ErrNoTopic: Ensure was not called for the topic.
	ErrNoTopic = errors.New("there is no such topic")
	// ErrClosed: the engine or the cursor was closed.
	ErrClosed = errors.New("closed")
)
