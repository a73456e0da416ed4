package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"example.com/shop/contract"
)

const (
	maxItems    = 50
	maxQuantity = 99
)

// order is an order as this service keeps it.
type order struct {
	id          string
	caller      contract.Caller
	key         string // the Idempotency-Key
	fingerprint string
	status      string
	problem     *contract.Problem // why it did not go through
	items       []contract.OrderItem
	totalCents  int64
	currency    string
	shipment    *contract.Shipment
	createdAt   time.Time
}

func newOrderID() string { return "ord_" + strings.ToLower(rand.Text()) }

// settled tells whether nothing of the order is left to do or to undo.
func (o *order) settled() bool { return o.status != contract.OrderPending }

// quantities is what inventory and shipping need to know of the items.
func (o *order) quantities() []contract.Item {
	items := make([]contract.Item, len(o.items))
	for i, item := range o.items {
		items[i] = contract.Item{ProductID: item.ProductID, Quantity: item.Quantity}
	}
	return items
}

// view is the order as its customer sees it.
func (o *order) view() contract.Order {
	view := contract.Order{
		ID: o.id, Status: o.status, Items: o.items, TotalCents: o.totalCents, Currency: o.currency,
		CreatedAt: o.createdAt, Shipment: o.shipment,
	}
	if o.problem != nil {
		view.Reason = o.problem.Code
	}
	return view
}

// outcome is the status of an order that did not go through, once it is undone.
func outcome(problem *contract.Problem) string {
	if problem.Status == http.StatusServiceUnavailable {
		return contract.OrderFailed
	}
	return contract.OrderRejected
}

// normalise checks the items asked for, and adds up those of one product.
func normalise(items []contract.Item) ([]contract.Item, error) {
	var out []contract.Item
	at := map[string]int{}
	for _, item := range items {
		if item.ProductID == "" || item.Quantity < 1 || item.Quantity > maxQuantity {
			return nil, contract.Invalid(fmt.Sprintf("Each item needs a product_id and a quantity from 1 to %d.", maxQuantity))
		}
		i, seen := at[item.ProductID]
		if !seen {
			at[item.ProductID] = len(out)
			out = append(out, item)
			continue
		}
		if out[i].Quantity += item.Quantity; out[i].Quantity > maxQuantity {
			return nil, contract.Invalid(fmt.Sprintf("There can be at most %d of a product in an order.", maxQuantity))
		}
	}
	if len(out) == 0 || len(out) > maxItems {
		return nil, contract.Invalid(fmt.Sprintf("items must have from 1 to %d products.", maxItems))
	}
	return out, nil
}

// fingerprint tells whether two requests with one key ask for the same.
func fingerprint(items []contract.Item) string {
	encoded, _ := json.Marshal(items) // strings and numbers always encode
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:])
}
