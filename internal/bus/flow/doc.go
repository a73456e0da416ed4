// Package flow decides what of one subscription is delivered when. It is a pure
// state machine: time comes in, chance comes in, and what is to be done goes out
// as a Step for package bus to carry out.
//
// The rules it keeps:
//
//   - Records of one key are delivered one after the other, in the order of their
//     partition; those without a key in any order. A key that fails, or is slow,
//     holds up no other key.
//   - At most Config.Concurrency deliveries are under way.
//   - A delivery that failed is made again after a time that doubles and is drawn
//     by full jitter, until Config.MaxAttempts; then it is a dead letter, and its
//     key goes on when that is stored.
//   - While a subscriber asks for time, or nobody sees what is sent, the whole
//     subscription waits and no attempt is counted. In the second case it then
//     probes with one delivery at a time.
//   - Whatever can be sent is sent in the order in which it came to be so, which
//     is why nothing starves.
//
// Memory is bounded: of what is open, which is Config.MaxOpen records at most, a
// Flow remembers about 200 bytes each, and it holds the bodies only of those that
// can be sent at once and a few more. Others are read again when their turn comes.
//
// A Flow is not safe for concurrent use.
package flow
