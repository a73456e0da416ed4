package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/e2e/ledger"
)

// start is publish with sagas: it starts those of $SAGAS, one after another in each
// lane, each with a key of its own and until it is answered that it is there.
func start() error {
	if _, err := accounts(); err != nil {
		return err
	}
	return publishBy(func(l *lane) bool {
		for n := l.first; n < l.next; n++ {
			if !l.start(n) {
				return false
			}
		}
		return true
	})
}

// start starts the n-th saga of a lane.
func (l *lane) start(n int) bool {
	// The same number is the same saga, whichever process starts it.
	h := fnv.New64a()
	fmt.Fprint(h, l.name)
	random := rand.New(rand.NewPCG(h.Sum64(), uint64(n))) //nolint:gosec // as said
	names := strings.Fields(os.Getenv("SAGAS"))
	name := names[random.IntN(len(names))]
	input := order{From: "from" + strconv.Itoa(random.IntN(10)), N: 1 + random.IntN(3)}
	steps := []string{"reserve", "charge", "book", "ship", "pay"}
	switch random.IntN(20) {
	case 0, 1, 2:
		input.No = steps[random.IntN(len(steps))]
	case 3:
		input.Wrong = "charge"
	}
	text, err := json.Marshal(input)
	if err != nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), 15*time.Second)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, os.Getenv("BANYAN_URL")+"/v1/sagas/"+name, bytes.NewReader(text)) //nolint:gosec // Banyan's own address
	if err != nil {
		return false
	}
	req.Header.Set("Idempotency-Key", fmt.Sprintf("%s:%d", l.name, n))
	res, err := http.DefaultClient.Do(req) //nolint:gosec // as above
	if err != nil {
		return false
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	var started struct {
		ID string `json:"id"`
	}
	switch {
	case err != nil:
	case res.StatusCode/100 == 2 && json.Unmarshal(answer, &started) == nil && started.ID != "":
		l.note(ledger.Entry{Kind: ledger.Kept, N: n, Saga: started.ID, Duplicate: res.StatusCode == http.StatusOK})
		return true
	case res.StatusCode/100 == 4:
		l.note(ledger.Entry{Kind: ledger.Refused, N: n, Why: fmt.Sprintf("%d %s", res.StatusCode, answer)})
	}
	return false
}
