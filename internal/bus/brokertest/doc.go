// Package brokertest runs brokers of others for tests and measurements: each a
// process on the loopback interface, with a directory of its own, that can be
// killed and started again, and leaves nothing behind.
package brokertest
