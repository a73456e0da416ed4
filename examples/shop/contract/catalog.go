package contract

// Product is one thing on sale.
type Product struct {
	ID          string `json:"id"`
	Name        string `json:"name"`
	Description string `json:"description"`
	Category    string `json:"category"`
	PriceCents  int64  `json:"price_cents"`
	Currency    string `json:"currency"` // ISO 4217
	Image       string `json:"image"`    // a path behind the gateway
	Badge       string `json:"badge,omitempty"`
}

// BadgeLowStock is the badge of a product of which there is not much left.
const BadgeLowStock = "low-stock"

// Category is a group of products and how many are in it.
type Category struct {
	Name  string `json:"name"`
	Count int    `json:"count"`
}

// PriceQuery is the body of POST /internal/prices.
type PriceQuery struct {
	ProductIDs []string `json:"product_ids"`
}

// Price is what one product costs now.
type Price struct {
	ID         string `json:"id"`
	Name       string `json:"name"`
	PriceCents int64  `json:"price_cents"`
	Currency   string `json:"currency"`
}
