package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// A burst of orders comes while the bank is slow: each is taken, and each is
// confirmed once the bank has dealt with it. Money and stock are those of just these.
func TestBurstIsAbsorbed(t *testing.T) {
	long(t)
	const customers, each, within = 50, 100, 5 * time.Second
	s := startShop(t)
	b := &burst{shop: s, client: &http.Client{
		Timeout:   60 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: 1000},
	}}
	items, before := []product{}, map[string]int{}
	for _, p := range s.products(60) {
		if n := s.stock(p.ID); n >= customers*each/20 && len(items) < 20 {
			items, before[p.ID] = append(items, p), n
		}
	}
	if len(items) != 20 {
		t.Fatalf("only %d products are there in plenty", len(items))
	}
	buyers := make([]customer, customers)
	for n := range buyers {
		buyers[n] = s.signUp()
	}
	payment := s.one("payment")
	put(t, at(payment, "/bank"), map[string]any{"mode": "delay", "delay_ms": 300})

	began := time.Now()
	for n := range customers * each {
		// What is due by the clock is sent, whatever became of the others.
		pause(t, time.Until(began.Add(within*time.Duration(n)/(customers*each))))
		product := items[n%len(items)].ID
		b.all.Go(func() { b.order(buyers[n%customers], product) })
	}
	b.all.Wait()
	taken := time.Since(began)
	if len(b.failed) > 0 {
		t.Fatalf("%d of %d orders were not taken; such as %v", len(b.failed), customers*each, b.failed[:min(5, len(b.failed))])
	}
	for _, c := range buyers {
		c.allConfirmed(each)
	}
	confirmed := time.Since(began)
	if charges := s.charges(payment); charges != customers*each {
		t.Errorf("%d charges for %d orders", charges, customers*each)
	}
	s.nothingOpen()
	for _, p := range items {
		if gone := before[p.ID] - s.stock(p.ID); gone != customers*each/len(items) {
			t.Errorf("%d pieces of %s are gone, want %d", gone, p.ID, customers*each/len(items))
		}
	}
	slices.Sort(b.took)
	figure(t, "%d orders within %s: the last was answered after %s, all were confirmed after %s; answers at p50 %s, p99 %s; %d were confirmed at once",
		customers*each, within, ms(taken), ms(confirmed), ms(b.took[len(b.took)/2]), ms(b.took[len(b.took)*99/100]), b.created)
}

// burst sends orders.
type burst struct {
	shop
	client *http.Client
	all    sync.WaitGroup

	mu      sync.Mutex
	took    []time.Duration
	created int
	failed  []string
}

// order sends one order, and notes the answer.
func (b *burst) order(c customer, product string) {
	body, _ := json.Marshal(map[string]any{"items": []any{map[string]any{"product_id": product, "quantity": 1}}}) // it always encodes
	began := time.Now()
	status, err := b.post(c, body)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.took = append(b.took, time.Since(began))
	switch {
	case err != nil:
		b.failed = append(b.failed, err.Error())
	case status == http.StatusCreated:
		b.created++
	}
}

func (b *burst) post(c customer, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(b.t.Context(), http.MethodPost, b.url("/api/orders"), bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("Idempotency-Key", unique())
	res, err := b.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = res.Body.Close() }()
	var said bytes.Buffer
	if _, err := said.ReadFrom(res.Body); err != nil {
		return 0, err
	}
	if res.StatusCode != http.StatusCreated && res.StatusCode != http.StatusAccepted {
		return 0, fmt.Errorf("%s: %s", res.Status, &said)
	}
	return res.StatusCode, nil
}

// allConfirmed waits until a customer has n orders, all of them confirmed.
func (c customer) allConfirmed(n int) {
	c.t.Helper()
	await(c.t, 120*time.Second, "orders to be confirmed", func() error {
		a, err := send(http.MethodGet, c.url("/api/orders"), nil, c.bearer()...)
		if err != nil {
			return err
		}
		var list struct{ Items []order }
		if err := json.Unmarshal(a.body, &list); err != nil || a.status != http.StatusOK {
			return fmt.Errorf("%s: %w", a, err)
		}
		confirmed := 0
		for _, o := range list.Items {
			switch o.Status {
			case "confirmed":
				confirmed++
			case "pending":
			default:
				c.t.Fatalf("an order is %s: %v", o.Status, o)
			}
		}
		if confirmed != n {
			return errors.New(fmt.Sprint(confirmed, " of ", n))
		}
		return nil
	})
}
