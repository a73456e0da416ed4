package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"example.com/shop/contract"
)

// newService lets the helper open this service as it does the others.
func newService(_ context.Context, store store) (*service, error) { return &service{store}, nil }

const ten = `{"order_id": "o1", "user_id": "u1", "amount_cents": 1000, "currency": "EUR"}`

func states(t *testing.T, h http.Handler) string {
	t.Helper()
	var states []string
	for _, charge := range call[contract.List[contract.Charge]](t, h, 200, "GET", "/charges", "").Items {
		states = append(states, charge.ID+" "+charge.State)
	}
	return strings.Join(states, ", ")
}

func expect(t *testing.T, h http.Handler, want string) {
	t.Helper()
	if got := states(t, h); got != want {
		t.Fatalf("charges are %q, want %q", got, want)
	}
}

func TestChargeIsTakenOnce(t *testing.T) {
	h := open(t)
	first := call[contract.Charge](t, h, 201, "PUT", "/charges/c1", ten)
	again := call[contract.Charge](t, h, 200, "PUT", "/charges/c1", ten)
	if first != again || first.AmountCents != 1000 || first.OrderID != "o1" {
		t.Fatalf("charged %+v, then %+v", first, again)
	}
	other := call[contract.Problem](t, h, 422, "PUT", "/charges/c1", strings.Replace(ten, "1000", "1001", 1))
	if other.Code != "charge-differs" {
		t.Fatalf("another amount: %+v", other)
	}
	expect(t, h, "c1 charged")
}

func TestRefund(t *testing.T) {
	h := open(t)
	call[any](t, h, 201, "PUT", "/charges/c1", ten)
	call[any](t, h, 204, "DELETE", "/charges/c1", "")
	call[any](t, h, 204, "DELETE", "/charges/c1", "")
	expect(t, h, "c1 refunded")
	if problem := call[contract.Problem](t, h, 409, "PUT", "/charges/c1", ten); problem.Code != "cancelled" {
		t.Fatalf("a charge after its refund: %+v", problem)
	}
}

func TestUndoThatComesFirst(t *testing.T) {
	h := open(t)
	call[any](t, h, 204, "DELETE", "/charges/c1", "")
	if problem := call[contract.Problem](t, h, 409, "PUT", "/charges/c1", ten); problem.Code != "cancelled" {
		t.Fatalf("a charge after its undo: %+v", problem)
	}
	expect(t, h, "c1 cancelled")
}

func TestUndoThatOvertakesASlowCharge(t *testing.T) {
	h := open(t)
	call[any](t, h, 200, "PUT", "/bank", `{"mode": "delay", "delay_ms": 100}`)
	answer := make(chan int)
	go func() { answer <- send(h, "PUT", "/charges/c1", ten).Code }()
	call[any](t, h, 204, "DELETE", "/charges/c1", "")
	if status := <-answer; status != 409 {
		t.Fatalf("the slow charge got %d, want 409", status)
	}
	expect(t, h, "c1 cancelled")
}

func TestChargeGoesOnWhenTheCallerHangsUp(t *testing.T) {
	db, err := openDatabase(t.Context(), filepath.Join(t.TempDir(), "payment.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	request, _ := http.NewRequestWithContext(gone, "PUT", "/charges/c1", strings.NewReader(ten))
	recorder := &discard{header: http.Header{}}
	(&service{store{db}}).routes().ServeHTTP(recorder, request)
	if recorder.status != 201 {
		t.Fatalf("answered %d, want 201", recorder.status)
	}
}

// discard is the answer to a caller that is gone.
type discard struct {
	header http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(status int)      { d.status = status }
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

func TestBankModes(t *testing.T) {
	h := open(t)
	call[any](t, h, 200, "PUT", "/bank", `{"mode": "fault"}`)
	if problem := call[contract.Problem](t, h, 502, "PUT", "/charges/c1", ten); problem.Code != "bank-fault" {
		t.Fatalf("fault: %+v", problem)
	}
	expect(t, h, "")

	call[any](t, h, 200, "PUT", "/bank", `{"mode": "decline"}`)
	call[any](t, h, 409, "PUT", "/charges/c1", ten)
	call[any](t, h, 200, "PUT", "/bank", `{"mode": "ok"}`)
	if problem := call[contract.Problem](t, h, 409, "PUT", "/charges/c1", ten); problem.Code != "declined" {
		t.Fatalf("a declined charge, asked again: %+v", problem)
	}
	expect(t, h, "c1 declined")
	call[any](t, h, 204, "DELETE", "/charges/c1", "")
	expect(t, h, "c1 declined")
	call[any](t, h, 409, "PUT", "/charges/c1", ten)

	call[any](t, h, 200, "PUT", "/bank", `{"mode": "delay", "delay_ms": 1}`)
	call[any](t, h, 201, "PUT", "/charges/c2", ten)
}

func TestBankSwitchIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), "payment.db")
	call[any](t, openAt(t, path), 200, "PUT", "/bank", `{"mode": "delay", "delay_ms": 250}`)
	if bank := call[contract.Bank](t, openAt(t, path), 200, "GET", "/bank", ""); bank.Mode != "delay" || bank.DelayMS != 250 {
		t.Fatalf("after a restart the bank is %+v", bank)
	}
}

func TestPaymentRefuses(t *testing.T) {
	h := open(t)
	for body, path := range map[string]string{
		`{"order_id": "", "amount_cents": 1000, "currency": "EUR"}`:  "/charges/c1",
		`{"order_id": "o1", "amount_cents": 0, "currency": "EUR"}`:   "/charges/c1",
		`{"order_id": "o1", "amount_cents": 1000, "currency": "EU"}`: "/charges/c1",
		`{"mode": "broken"}`:                    "/bank",
		`{"mode": "delay", "delay_ms": -1}`:     "/bank",
		`{"mode": "delay", "delay_ms": 999999}`: "/bank",
	} {
		call[any](t, h, 422, "PUT", path, body)
	}
	call[any](t, h, 405, "POST", "/bank", "")
	call[any](t, h, 404, "GET", "/nothing", "")
}

func TestChargesOfAnOrder(t *testing.T) {
	h := open(t)
	call[any](t, h, 201, "PUT", "/charges/c1", ten)
	call[any](t, h, 201, "PUT", "/charges/c2", strings.Replace(ten, "o1", "o2", 1))
	charges := call[contract.List[contract.Charge]](t, h, 200, "GET", "/charges?order_id=o2", "").Items
	if len(charges) != 1 || charges[0].ID != "c2" {
		t.Fatalf("charges of o2: %+v", charges)
	}
}
