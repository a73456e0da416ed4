package contract

// Shipment states.
const (
	ShipmentPreparing = "preparing"
	ShipmentCancelled = "cancelled"
)

// NewShipment is the body of PUT /shipments/{id}.
type NewShipment struct {
	OrderID string `json:"order_id"`
	UserID  string `json:"user_id"`
	Items   []Item `json:"items"`
}

// Shipment is a parcel on its way to the customer.
type Shipment struct {
	ID       string `json:"id"`
	OrderID  string `json:"order_id,omitempty"`
	Tracking string `json:"tracking"`
	State    string `json:"state"`
}
