// Package coordinator runs sagas. It carries out what package machine decides:
// stores each state before it acts on it, calls services, keeps time, waits for
// events, starts sub-sagas, and goes on with all of it after a restart.
//
// Services, events and the store are interfaces to it, and the definitions in
// force are handed to it (Apply). All methods of a Coordinator are safe for
// concurrent use.
//
// What it promises: what Start has returned is run to its end, whatever is killed
// meanwhile, as long as some coordinator runs on the same store; no request is
// made before the state that says so is durable; a request may be made more than
// once, always with the same idempotency key; a defect, a damaged row or a lost
// definition stops the one saga that it is in; of two coordinators on one store
// one writes. Memory is bounded, however many sagas are kept.
package coordinator
