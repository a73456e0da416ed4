// Package audit keeps what people did to an app: who, from where, what, and what
// came of it. The daemon records the actions of all doors with it, and the
// dashboard and the CLI read them.
//
// It promises: an action is in the file before it is carried out, its result
// after; the file and the one before it are bounded; a line that was torn by a
// crash is passed over, the others are read. Values of variables and payloads of
// events are never in it.
package audit
