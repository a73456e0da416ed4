package contract

// Item is a number of one product, in a cart, a reservation or a parcel.
type Item struct {
	ProductID string `json:"product_id"`
	Quantity  int    `json:"quantity"`
}

// Stock is how much of a product can be reserved now.
type Stock struct {
	ProductID string `json:"product_id"`
	Available int    `json:"available"`
}

// Reservation states.
const (
	ReservationOpen      = "open"
	ReservationCommitted = "committed"
	ReservationCancelled = "cancelled"
)

// Reservation holds stock back for an order. It is the body (Items only) and the answer of PUT /reservations/{id}.
type Reservation struct {
	ID    string `json:"id"`
	State string `json:"state"`
	Items []Item `json:"items"`
}
