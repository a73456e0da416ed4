package contract

import "time"

// Order statuses. An order that is being undone stays pending until nothing of it is left.
const (
	OrderPending   = "pending"
	OrderConfirmed = "confirmed"
	OrderRejected  = "rejected" // refused for a reason of its own: declined, out of stock
	OrderFailed    = "failed"   // something broke; all of it is undone
)

// NewOrder is the body of POST /api/orders.
type NewOrder struct {
	Items []Item `json:"items"`
}

// Order is what a customer bought, or tried to.
type Order struct {
	ID         string      `json:"id"`
	Status     string      `json:"status"`
	Reason     string      `json:"reason,omitempty"` // the problem code of an order that did not go through
	Items      []OrderItem `json:"items"`
	TotalCents int64       `json:"total_cents"`
	Currency   string      `json:"currency"`
	CreatedAt  time.Time   `json:"created_at"`
	Shipment   *Shipment   `json:"shipment,omitempty"`
}

// OrderItem is a line of an order, at the price when it was placed.
type OrderItem struct {
	ProductID  string `json:"product_id"`
	Name       string `json:"name"`
	Quantity   int    `json:"quantity"`
	PriceCents int64  `json:"price_cents"`
}
