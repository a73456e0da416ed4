package account

import (
	"maps"
	"time"
)

// Outcome is what became of a request, of a connection that switched protocols,
// or of a TCP connection.
type Outcome struct {
	// Status is the answer's: 0 if none was sent.
	Status int
	// Code is Banyan's error code; empty if the answer was the service's, whole.
	Code string
	// Failed: the service did not do what it was there for.
	Failed bool
	// Tries is how often the request was sent, or tried to.
	Tries int
	// In and Out are bytes of bodies, from the caller and to it.
	In, Out int64
	// Latency is from the request's head to the answer's end; 0: none to tell.
	Latency time.Duration
	// Upstream is from the first try to the answer's head; 0: there was no answer.
	Upstream time.Duration
}

// Counters are the sums of outcomes.
type Counters struct {
	// Requests have ended: switched and TCP connections are among them.
	Requests uint64 `json:"requests"`
	// Status counts them by their status' hundreds; at 0 are those without one.
	Status [6]uint64 `json:"status"`
	// Codes counts those with an error code of Banyan's, by code.
	Codes map[string]uint64 `json:"codes,omitempty"`
	// Errors failed for a reason that is the service's, or the data plane's.
	Errors   uint64    `json:"errors,omitempty"`
	Retries  uint64    `json:"retries,omitempty"`
	BytesIn  uint64    `json:"bytes_in,omitempty"`
	BytesOut uint64    `json:"bytes_out,omitempty"`
	Latency  Histogram `json:"latency,omitzero"`
	Upstream Histogram `json:"upstream,omitzero"`
}

// count adds one outcome.
func (c *Counters) count(o *Outcome) {
	c.Requests++
	class := o.Status / 100
	if class < 0 || class >= len(c.Status) {
		class = 0
	}
	c.Status[class]++
	c.BytesIn += uint64(o.In)
	c.BytesOut += uint64(o.Out)
	if o.Latency > 0 {
		c.Latency.Observe(o.Latency)
	}
	if o.Upstream > 0 {
		c.Upstream.Observe(o.Upstream)
	}
	if o.Tries > 1 {
		c.Retries += uint64(o.Tries - 1)
	}
	if o.Failed {
		c.Errors++
	}
	if o.Code != "" {
		if c.Codes == nil {
			c.Codes = map[string]uint64{}
		}
		c.Codes[o.Code]++
	}
}

// Add adds the counts of o.
func (c *Counters) Add(o *Counters) {
	c.Requests += o.Requests
	for i, n := range o.Status {
		c.Status[i] += n
	}
	for code, n := range o.Codes {
		if c.Codes == nil {
			c.Codes = make(map[string]uint64, len(o.Codes))
		}
		c.Codes[code] += n
	}
	c.Errors += o.Errors
	c.Retries += o.Retries
	c.BytesIn += o.BytesIn
	c.BytesOut += o.BytesOut
	c.Latency.Add(&o.Latency)
	c.Upstream.Add(&o.Upstream)
}

// Clone is a copy that shares nothing.
func (c *Counters) Clone() Counters {
	to := *c
	to.Codes = maps.Clone(c.Codes)
	to.Latency, to.Upstream = c.Latency.Clone(), c.Upstream.Clone()
	return to
}
