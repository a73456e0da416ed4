package crashpoint

// Point is a place where the process can be made to die.
type Point uint32

// The places, in the order in which an event meets them, or a saga.
const (
	none Point = iota

	DedupeChecked   // the journal has looked an event's id up
	JournalEncoded  // a group of events is about to be written
	JournalWritten  // it is written and not synced
	JournalSynced   // it is synced, and nobody knows
	JournalAnswered // those who publish are told
	JournalSealing  // a full segment's index is about to be written
	JournalSealed   // it is written

	DelayedStored    // a delayed event is durable, and its publisher was not told
	DelayedPublished // it was due and is published, and waits still

	DeliverSent     // a subscriber has answered, and the answer was not looked at
	DeliverAnswered // it was, and progress is not saved
	DeliverSaved    // progress is saved, and the engine was not told
	DeadStored      // a dead letter is durable, and its event counts as open
	DeadMoved       // it does not any more
	ReleaseTold     // the engine knows what nobody needs

	OutboxRead      // rows are read, and nothing of them is published
	OutboxPublished // they are published and still there
	OutboxDeleted   // they are removed

	LeaseTaken     // the sagas are this daemon's
	SagaStarted    // a saga is durable, and whoever started it was not told
	SagaIntent     // it is durable that a step will be called, and it was not
	SagaCalled     // the call has come to something, and nobody knows
	SagaUndoIntent // the same of undoing a step
	SagaUndoCalled
	SagaAnswered // a saga has a new state, which is not stored
	SagaSaved    // it is, and what follows from it was not done
	SagaFinished // a saga has ended, and nobody was told

	end
)

var names = [end]string{
	DedupeChecked: "dedupe.checked", JournalEncoded: "journal.encoded", JournalWritten: "journal.written",
	JournalSynced: "journal.synced", JournalAnswered: "journal.answered", JournalSealing: "journal.sealing", JournalSealed: "journal.sealed",
	DelayedStored: "delayed.stored", DelayedPublished: "delayed.published",
	DeliverSent: "deliver.sent", DeliverAnswered: "deliver.answered", DeliverSaved: "deliver.saved",
	DeadStored: "dead.stored", DeadMoved: "dead.moved", ReleaseTold: "release.told",
	LeaseTaken: "lease.taken", SagaStarted: "saga.started", SagaIntent: "saga.intent", SagaCalled: "saga.called",
	SagaUndoIntent: "saga.undo_intent", SagaUndoCalled: "saga.undo_called", SagaAnswered: "saga.answered", SagaSaved: "saga.saved",
	SagaFinished: "saga.finished",
	OutboxRead:   "outbox.read", OutboxPublished: "outbox.published", OutboxDeleted: "outbox.deleted",
}

// All returns every place.
func All() []Point {
	all := make([]Point, 0, end)
	for p := none + 1; p < end; p++ {
		all = append(all, p)
	}
	return all
}

// String returns the name by which a place is armed.
func (p Point) String() string {
	if p >= end {
		return ""
	}
	return names[p]
}
