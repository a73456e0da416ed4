package signin

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"sync"
	"time"
)

const (
	// TicketLife is how long a sign-in may take.
	TicketLife = 10 * time.Minute
	// mostUsed tickets are known to be used; the oldest gives way.
	mostUsed = 4096
)

// ticket is what a sign-in needs when the provider sends the browser back. The browser
// keeps it, sealed, so that those who begin and never end cost nothing here.
type ticket struct {
	State    string    `json:"state"`
	Nonce    string    `json:"nonce"`
	Verifier string    `json:"verifier"`
	To       string    `json:"to"`
	Until    time.Time `json:"until"`
}

// tickets seals them, and lets each be used once. It is safe for concurrent use.
type tickets struct {
	seal cipher.AEAD
	now  func() time.Time

	mu    sync.Mutex
	used  map[string]struct{} // states
	order []string            // the oldest first
}

func newTickets(now func() time.Time) *tickets {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	block, err := aes.NewCipher(key)
	if err != nil {
		panic(err) // the key has a length of AES
	}
	seal, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic(err) // AES has the block length of GCM
	}
	return &tickets{seal: seal, now: now, used: map[string]struct{}{}}
}

func (t *tickets) write(k *ticket) string {
	text, err := json.Marshal(k)
	if err != nil {
		panic(err) // it is made of texts and a time
	}
	return base64.RawURLEncoding.EncodeToString(t.seal.Seal(nil, nil, text, nil)) //nolint:gosec // the nonce is random: see newTickets
}

// read opens a ticket; false: it was not written here, or is too old.
func (t *tickets) read(sealed string) (*ticket, bool) {
	data, err := base64.RawURLEncoding.DecodeString(sealed)
	if err != nil {
		return nil, false
	}
	text, err := t.seal.Open(nil, nil, data, nil)
	if err != nil {
		return nil, false
	}
	var k ticket
	if json.Unmarshal(text, &k) != nil || !t.now().Before(k.Until) {
		return nil, false
	}
	return &k, true
}

// use uses a ticket up; false: it was used.
func (t *tickets) use(k *ticket) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, used := t.used[k.State]; used {
		return false
	}
	if len(t.order) >= mostUsed {
		delete(t.used, t.order[0])
		t.order = append(t.order[:0], t.order[1:]...)
	}
	t.used[k.State] = struct{}{}
	t.order = append(t.order, k.State)
	return true
}
