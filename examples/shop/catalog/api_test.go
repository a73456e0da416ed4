package main

import (
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"example.com/shop/catalog/picture"
	"example.com/shop/contract"
)

type page = contract.List[contract.Product]

func TestSeed(t *testing.T) {
	products, err := readSeed()
	if err != nil {
		t.Fatal(err)
	}
	perCategory := map[string]int{}
	for _, p := range products {
		perCategory[p.Category]++
		if p.Name == "" || len(p.Description) < 60 || p.PriceCents < 500 || p.ID != strings.ToLower(p.ID) {
			t.Errorf("not a product to sell: %+v", p)
		}
		if _, err := picture.Draw(picture.Subject{ID: p.ID, Name: p.Name, Category: p.Category, Shape: p.Picture}); err != nil {
			t.Errorf("%s has no picture: %v", p.ID, err)
		}
	}
	if len(products) < 60 || len(perCategory) != 8 {
		t.Fatalf("%d products in %v", len(products), perCategory)
	}
}

func TestPagesHaveEveryProductOnce(t *testing.T) {
	h := open(t)
	seen := map[string]bool{}
	for path, pages := "/api/products?limit=10", 1; ; pages++ {
		got := call[page](t, h, 200, "GET", path, "")
		for _, p := range got.Items {
			if seen[p.ID] {
				t.Fatalf("%s came twice", p.ID)
			}
			seen[p.ID] = true
		}
		if got.Next == "" {
			if len(seen) != 64 || pages != 7 {
				t.Fatalf("%d products on %d pages", len(seen), pages)
			}
			return
		}
		path = "/api/products?limit=10&after=" + got.Next
	}
}

func TestLimit(t *testing.T) {
	h := open(t)
	for query, want := range map[string]int{"": 20, "?limit=1": 1, "?limit=64": 64, "?limit=100": 64} {
		got := call[page](t, h, 200, "GET", "/api/products"+query, "")
		if len(got.Items) != want || (got.Next == "") != (want == 64) {
			t.Errorf("%q: %d products, next %q", query, len(got.Items), got.Next)
		}
	}
	for _, query := range []string{"limit=0", "limit=101", "limit=x", "after=%25", "after=eHg"} {
		call[any](t, h, 422, "GET", "/api/products?"+query, "")
	}
}

func TestSearch(t *testing.T) {
	h := open(t)
	tests := map[string][]string{
		"q=LINEN+tea":             {"linen-tea-towels"},
		"q=bergamot":              {"yirgacheffe-filter-beans"}, // only in the description
		"q=no+such+thing":         {},
		"q=100%25":                {}, // no wildcard
		"category=coffee&q=beans": {"harbour-espresso-beans", "yirgacheffe-filter-beans"},
		"category=Nothing":        {},
	}
	for query, want := range tests {
		got := []string{}
		for _, p := range call[page](t, h, 200, "GET", "/api/products?"+query, "").Items {
			got = append(got, p.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
}

func TestProduct(t *testing.T) {
	h := open(t)
	got := call[contract.Product](t, h, 200, "GET", "/api/products/stoneware-mug", "")
	if got.Name != "Stoneware Mug, 300 ml" || got.PriceCents != 1600 || got.Currency != "EUR" ||
		got.Image != "/api/products/stoneware-mug/image.svg" {
		t.Fatalf("the mug is %+v", got)
	}
	if problem := call[contract.Problem](t, h, 404, "GET", "/api/products/anvil", ""); problem.Code != "product-not-found" {
		t.Fatalf("no anvil: %+v", problem)
	}
}

func TestImageIsCacheable(t *testing.T) {
	h := open(t)
	first := send(h, "GET", "/api/products/stoneware-mug/image.svg", "")
	tag := first.Header().Get("ETag")
	if first.Code != 200 || first.Header().Get("Content-Type") != "image/svg+xml" || len(tag) != 18 ||
		!strings.Contains(first.Header().Get("Cache-Control"), "max-age") ||
		!strings.Contains(first.Body.String(), "<title id=\"t\">Stoneware Mug, 300 ml</title>") {
		t.Fatalf("%d %v %s", first.Code, first.Header(), first.Body)
	}
	again := send(h, "GET", "/api/products/stoneware-mug/image.svg", "", "If-None-Match", tag)
	if again.Code != 304 || again.Body.Len() != 0 {
		t.Fatalf("asked by its tag: %d, %d bytes", again.Code, again.Body.Len())
	}
	call[contract.Problem](t, h, 404, "GET", "/api/products/anvil/image.svg", "")
}

func TestCategories(t *testing.T) {
	got := map[string]int{}
	for _, c := range call[contract.List[contract.Category]](t, open(t), 200, "GET", "/api/categories", "").Items {
		got[c.Name] = c.Count
	}
	want := map[string]int{"Coffee": 8, "Kitchen": 8, "Stationery": 8, "Lighting": 8, "Garden": 8, "Outdoors": 8, "Audio": 8, "Textiles": 8}
	if !maps.Equal(got, want) {
		t.Fatalf("categories are %v", got)
	}
}

func TestPrices(t *testing.T) {
	h := open(t)
	got := call[contract.List[contract.Price]](t, h, 200, "POST", "/internal/prices", `{"product_ids": ["stoneware-mug", "velvet-cushion"]}`)
	want := []contract.Price{
		{ID: "stoneware-mug", Name: "Stoneware Mug, 300 ml", PriceCents: 1600, Currency: "EUR"},
		{ID: "velvet-cushion", Name: "Velvet Cushion, 50 × 50", PriceCents: 3600, Currency: "EUR"},
	}
	if !slices.Equal(got.Items, want) {
		t.Fatalf("prices are %+v", got.Items)
	}
	problem := call[contract.Problem](t, h, 404, "POST", "/internal/prices", `{"product_ids": ["anvil", "stoneware-mug", "axe"]}`)
	if !slices.Equal(problem.Products, []string{"anvil", "axe"}) || problem.Code != "product-not-found" {
		t.Fatalf("unknown products: %+v", problem)
	}
	call[any](t, h, 422, "POST", "/internal/prices", `{"product_ids": []}`)
}

func TestBadge(t *testing.T) {
	h := open(t)
	expect := func(want string) {
		t.Helper()
		if got := call[contract.Product](t, h, 200, "GET", "/api/products/stoneware-mug", "").Badge; got != want {
			t.Fatalf("the badge is %q, want %q", got, want)
		}
		for _, p := range call[page](t, h, 200, "GET", "/api/products?limit=100", "").Items {
			if (p.Badge != "") != (want != "" && p.ID == "stoneware-mug") {
				t.Fatalf("the badge of %s is %q", p.ID, p.Badge)
			}
		}
	}
	expect("")
	for range 2 { // an event may come twice
		call[any](t, h, 204, "POST", "/events/stock-low", `{"product_id": "stoneware-mug", "available": 4, "low": true}`)
		expect(contract.BadgeLowStock)
	}
	call[any](t, h, 204, "POST", "/events/stock-low", `{"product_id": "stoneware-mug", "available": 6, "low": false}`)
	expect("")
	call[any](t, h, 204, "POST", "/events/stock-low", `{"product_id": "anvil", "available": 1, "low": true}`)
	call[any](t, h, 422, "POST", "/events/stock-low", `{}`)
}

func TestBadgeOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "catalog.db")
	call[any](t, openAt(t, path), 204, "POST", "/events/stock-low", `{"product_id": "stoneware-mug", "low": true}`)
	if got := call[contract.Product](t, openAt(t, path), 200, "GET", "/api/products/stoneware-mug", "").Badge; got != contract.BadgeLowStock {
		t.Fatalf("the badge is %q", got)
	}
}
