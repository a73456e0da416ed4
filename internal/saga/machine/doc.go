// Package machine decides what a saga does next. It is pure: time comes in, and
// what is to be done goes out as effects, for package coordinator to carry out
// once the new state is stored.
//
// The rules it keeps:
//
//   - Stages are done one after the other, the steps of a stage at the same time.
//     On the way back the last stage is undone first.
//   - An undo is registered before its step is called, and is not made while the
//     call is under way. It is made for every step that may have had an effect,
//     also where nobody knows; services must bear an undo without a call, a call
//     after its undo, and each of them twice, as a barrier does.
//   - What a service refuses is undone as well, since a copy of the request may be
//     on its way yet. What it refuses where nothing can be undone it must refuse
//     for good. What nobody was there to take is not undone.
//   - Once the pivot is done, or left out, nothing is undone: later steps are
//     repeated until they succeed, if need be with a person's help. While it may
//     be done and cannot be undone, cancelling and the deadline wait for it.
//   - Undos are repeated until they succeed.
//   - Only the answer to the attempt that is under way counts. Answers that come
//     late or twice change nothing. An answer that never comes is unknown.
//   - A saga that has not ended has a request or sub-saga under way, a time at
//     which it goes on, an event or a callback that it waits for, or needs a person.
//
// A clock that is set back makes a saga wait longer, and does nothing else.
package machine
