package contract

import (
	"context"
	"encoding/json"
	"net/http"
)

// Topics. An event's subject is the id of what it is about, so that events about one thing come in order.
const (
	TopicOrderPlaced    = "order.placed"    // an order is stored, and nothing is decided yet
	TopicOrderConfirmed = "order.confirmed" // it went through
	TopicOrderFailed    = "order.failed"    // it did not, and all of it is undone
	TopicStockLow       = "stock.low"       // a product's stock has crossed the threshold

	TopicPaymentCharged    = "payment.charged"  // money was taken
	TopicPaymentRefunded   = "payment.refunded" // and given back
	TopicShipmentBooked    = "shipment.booked"
	TopicShipmentCancelled = "shipment.cancelled"
)

// OrderEvent is the data of the events about orders.
type OrderEvent struct {
	Order  Order  `json:"order"`
	UserID string `json:"user_id"`
	Email  string `json:"email"`
}

// StockLow is the data of stock.low. Low is false when there is enough again.
type StockLow struct {
	ProductID string `json:"product_id"`
	Available int    `json:"available"`
	Low       bool   `json:"low"`
}

// PaymentEvent is the data of the events about charges.
type PaymentEvent struct {
	ID          string `json:"id"`
	OrderID     string `json:"order_id"`
	UserID      string `json:"user_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

// ShipmentEvent is the data of the events about shipments.
type ShipmentEvent struct {
	ID       string `json:"id"`
	OrderID  string `json:"order_id"`
	UserID   string `json:"user_id"`
	Tracking string `json:"tracking"`
}

// EventAttributes carry the trace of the request that ctx belongs to into the events that it causes: they are the column
// attributes of an outbox, nil where there is no trace.
func EventAttributes(ctx context.Context) any {
	headers, _ := ctx.Value(forwardedKey{}).(http.Header)
	attributes := map[string]string{}
	for _, name := range []string{"traceparent", "tracestate"} {
		if value := headers.Get(name); value != "" {
			attributes[name] = value
		}
	}
	if len(attributes) == 0 {
		return nil
	}
	encoded, _ := json.Marshal(attributes) // texts always encode
	return string(encoded)
}
