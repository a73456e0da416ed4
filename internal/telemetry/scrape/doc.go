// Package scrape fetches metrics from instances that offer them in the formats of
// Prometheus: its text format and OpenMetrics. It is for the daemon, which says which
// instances there are and takes the samples.
//
// It adds the labels service and instance to all of them, and says for each instance
// in the series up whether it could be scraped. A series that an instance no longer
// has, and all of one that is gone or cannot be scraped, end at once.
//
// What it promises: an instance that answers slowly, without end or with nonsense costs
// at most Timeout and MaxBody, and no other instance anything.
package scrape
