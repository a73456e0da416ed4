package proxy

import (
	"bytes"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // the protocol's
	"encoding/base64"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// socket is what an exchange has to do with a WebSocket over HTTP/2 (RFC 8441).
// The instance is asked for it in HTTP/1.1, as RFC 6455 has it, with a key of ours.
type socket struct {
	extended bool     // the client's request is an extended CONNECT
	accept   [28]byte // what the instance has to answer the key with
}

const webSocket = "websocket"

var (
	methodGet = []byte("GET")
	secKey    = []byte("Sec-WebSocket-Key")
	secAccept = "Sec-WebSocket-Accept"
	// acceptSuffix makes an answer of a key (RFC 6455, 1.3).
	acceptSuffix = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
)

// takeExtended makes an extended CONNECT the GET that asks for the same over HTTP/1.1.
// Its stream's data is no body, but what follows the switch.
func (x *exchange) takeExtended() {
	h := x.req
	if string(h.Method) != "CONNECT" || len(h.Upgrade) == 0 {
		return
	}
	x.extended = true
	h.Method = methodGet
	h.Body, h.Length, h.Expect, h.TE, h.Trailer = message.None, 0, false, false, nil
	h.RemoveNamed(string(secKey))
	h.RemoveNamed(secAccept)
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // never fails
	key := h.Space(base64.StdEncoding.EncodedLen(len(nonce)))
	base64.StdEncoding.Encode(key, nonce[:])
	h.AddNamed(secKey, key)
	sum := sha1.Sum([]byte(string(key) + acceptSuffix)) //nolint:gosec // as above
	base64.StdEncoding.Encode(x.accept[:], sum[:])
}

// accepted reports whether the answer's head answers the key.
func (x *exchange) accepted() bool {
	got, _ := x.resp.Lookup(secAccept)
	return bytes.Equal(got, x.accept[:])
}

// unfoldAnswer makes a 101 what it is on a stream.
func (x *exchange) unfoldAnswer() {
	h := x.resp
	h.Status, h.Upgrade = 200, nil
	h.RemoveNamed(secAccept)
}
