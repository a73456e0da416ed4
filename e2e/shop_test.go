package e2e

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// shop is the example shop with services that were built before.
type shop struct{ *app }

// newShop makes a shop, which is not up yet. Its app file is the example's but
// for the gateway's port and the builds.
func newShop(t *testing.T) shop {
	t.Helper()
	built, err := bin.shop()
	if err != nil {
		t.Fatal(err)
	}
	source := filepath.Join(bin.repo, "examples", "shop")
	data, err := os.ReadFile(filepath.Join(source, "banyan.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	file := regexp.MustCompile(`(?m)^ +(build|sources): .*\n`).ReplaceAllString(string(data), "")
	file = strings.ReplaceAll(file, "${out}/", built+"/")
	s := shop{newApp(t, onOwnPort(t, file))}
	for _, dir := range []string{"recommendation", "notification"} {
		if err := os.CopyFS(filepath.Join(s.dir, dir), os.DirFS(filepath.Join(source, dir))); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// onOwnPort is the shop's app file with a gateway that gets in nobody's way.
func onOwnPort(t *testing.T, file string) string {
	t.Helper()
	if strings.Count(file, `":8080"`) != 1 {
		t.Fatal(`the shop's app file does not say listen: ":8080"`)
	}
	return strings.Replace(file, `":8080"`, `":${port}"`, 1)
}

// startShop brings a shop up.
func startShop(t *testing.T) shop {
	t.Helper()
	s := newShop(t)
	s.up()
	return s
}

type product struct {
	ID    string `json:"id"`
	Name  string `json:"name"`
	Price int    `json:"price_cents"`
}

// products are the first few of the catalog.
func (s shop) products(n int) []product {
	s.t.Helper()
	var list struct{ Items []product }
	get(s.t, s.url(fmt.Sprintf("/api/products?limit=%d", n))).decode(s.t, &list)
	if len(list.Items) != n {
		s.t.Fatalf("%d products, want %d", len(list.Items), n)
	}
	return list.Items
}

// customer is somebody who is signed in.
type customer struct {
	shop
	id, email, token string
}

const password = "correct horse battery"

// signUp makes a customer and signs in.
func (s shop) signUp() customer {
	s.t.Helper()
	c := customer{shop: s, email: unique() + "@example.com"}
	var made struct{ ID, Email, Name string }
	a := ask(s.t, http.MethodPost, s.url("/api/users"), map[string]string{"email": c.email, "password": password, "name": "Ada"})
	if a.status != http.StatusCreated {
		s.t.Fatalf("sign-up: %s", a)
	}
	a.decode(s.t, &made)
	if made.ID == "" || made.Email != c.email || made.Name != "Ada" {
		s.t.Fatalf("sign-up: %s", a)
	}
	c.id = made.ID
	a = ask(s.t, http.MethodPost, s.url("/api/sessions"), map[string]string{"email": c.email, "password": password})
	var session struct{ Token string }
	a.decode(s.t, &session)
	if a.status != http.StatusOK || session.Token == "" {
		s.t.Fatalf("sign-in: %s", a)
	}
	c.token = session.Token
	return c
}

func (c customer) bearer() []string { return []string{"Authorization", "Bearer " + c.token} }

// order asks for one piece of a product.
func (c customer) order(product, key string, header ...string) answer {
	c.t.Helper()
	return c.orderOf(product, 1, key, header...)
}

func (c customer) orderOf(product string, quantity int, key string, header ...string) answer {
	c.t.Helper()
	body := map[string]any{"items": []any{map[string]any{"product_id": product, "quantity": quantity}}}
	return ask(c.t, http.MethodPost, c.url("/api/orders"), body,
		append(append(c.bearer(), "Idempotency-Key", key), header...)...)
}

// buy is an order that has to succeed; it returns its id.
func (c customer) buy() string {
	c.t.Helper()
	a := c.order(c.products(1)[0].ID, unique())
	var o struct{ ID, Status string }
	a.decode(c.t, &o)
	if a.status != http.StatusCreated || o.ID == "" || o.Status != "confirmed" {
		c.t.Fatalf("order: %s", a)
	}
	return o.ID
}

// nothingOpen waits until no stock is reserved and no money is kept for an
// order that failed.
func (s shop) stock(product string) int {
	s.t.Helper()
	var list struct {
		Items []struct {
			Available int `json:"available"`
		}
	}
	get(s.t, s.url("/api/stock?product="+product)).decode(s.t, &list)
	if len(list.Items) != 1 {
		s.t.Fatalf("stock of %s: %v", product, list)
	}
	return list.Items[0].Available
}
