// Package cloudevent reads and writes CloudEvents 1.0 as HTTP carries them: in
// binary, structured and batched content mode, plus plain JSON, which is an event
// of which only the data is given.
//
// Decode and Read are strict where leniency would change an event: a member that
// comes twice, half of a surrogate pair, a fraction where an integer belongs, or a
// value that is not percent-encoded as the HTTP binding says are errors, and each
// error says which event and which attribute it is about. They do not ask for the
// required attributes, since a platform may fill them in; Event.Check does.
//
// Attributes are held in the canonical string form of the specification's type
// system, so the JSON types of extensions are lost: true comes back as "true".
//
// The package knows nothing of topics or transports but net/http's types.
package cloudevent
