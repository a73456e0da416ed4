// Package engine is what the bus needs of something that keeps events: an
// ordered log a topic, with positions, and a publish that returns when what it
// stored is durable. It holds the interface, its types and its errors.
//
// Everything else that makes a bus is the same with every engine and therefore
// not here: retries, delays, dead letters, concurrency, progress of subscriptions.
//
// What an engine promises, and package enginetest proves for each:
//
//  1. What Publish returned without an error can be read after the engine was
//     killed (and, where the engine is embedded, after a loss of power).
//  2. Of records with an equal ID one is stored while the first one's window
//     lasts, also when they come at once, in one call, or after a crash between
//     the store and the reply.
//  3. Records of one key from calls that follow each other are read in that order.
//  4. A cursor that is opened again gives every record that was not Done, perhaps more.
//  5. Read can begin at any position that is kept, and again; what is missing is
//     an error, never silence.
//  6. After ErrFull and ErrBusy nothing of the call is stored.
//  7. A context that ends ends the call, within a second.
package engine
