package contract

// Charge states.
const (
	ChargeCharged   = "charged"
	ChargeDeclined  = "declined"
	ChargeRefunded  = "refunded"  // undone after it was charged
	ChargeCancelled = "cancelled" // undone before it was charged
)

// NewCharge is the body of PUT /charges/{id}.
type NewCharge struct {
	OrderID     string `json:"order_id"`
	UserID      string `json:"user_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

// Charge is money taken, or not, for an order.
type Charge struct {
	ID          string `json:"id"`
	OrderID     string `json:"order_id"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
	State       string `json:"state"`
}

// Bank modes: how the simulated bank behaves.
const (
	BankOK      = "ok"
	BankDecline = "decline" // every charge is declined
	BankDelay   = "delay"   // every charge takes DelayMS longer
	BankFault   = "fault"   // every charge fails, and no money moves
)

// Bank is the switch of the simulated bank: the body and the answer of /bank.
type Bank struct {
	Mode    string `json:"mode"`
	DelayMS int    `json:"delay_ms"`
}
