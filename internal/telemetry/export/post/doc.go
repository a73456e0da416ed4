// Package post sends what an exporter has to send by HTTP, and says what the answer
// means for it: whether the same may be sent again, and when. The senders of package
// export use it.
//
// It promises that no secret is in an error, that what a server answers takes up
// bounded memory, and that a request makes no span where it passes a data plane.
package post
