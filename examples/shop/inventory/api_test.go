package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"example.com/shop/contract"
)

const (
	scarce = "turntable-belt" // the seed has 3
	none   = "paper-lantern"  // the seed has none
	plenty = "stoneware-mug"
)

func items(quantity int, products ...string) string {
	var in contract.Reservation
	for _, product := range products {
		in.Items = append(in.Items, contract.Item{ProductID: product, Quantity: quantity})
	}
	encoded, _ := json.Marshal(in)
	return string(encoded)
}

func expectAvailable(t *testing.T, h http.Handler, product string, want int) {
	t.Helper()
	stock := call[contract.List[contract.Stock]](t, h, 200, "GET", "/api/stock?product="+product, "").Items
	if len(stock) != 1 || stock[0].Available != want {
		t.Fatalf("stock of %s is %+v, want %d", product, stock, want)
	}
}

func expectOpen(t *testing.T, h http.Handler, want int) {
	t.Helper()
	open := call[contract.List[contract.Reservation]](t, h, 200, "GET", "/reservations?open=true", "").Items
	if len(open) != want {
		t.Fatalf("open reservations are %+v, want %d", open, want)
	}
}

func TestReserveAndCommit(t *testing.T) {
	h := open(t)
	first := call[contract.Reservation](t, h, 201, "PUT", "/reservations/r1", items(2, scarce))
	again := call[contract.Reservation](t, h, 200, "PUT", "/reservations/r1", items(2, scarce))
	if fmt.Sprint(first) != fmt.Sprint(again) || first.State != "open" {
		t.Fatalf("reserved %+v, then %+v", first, again)
	}
	expectAvailable(t, h, scarce, 1)
	expectOpen(t, h, 1)

	call[any](t, h, 204, "POST", "/reservations/r1/commit", "")
	call[any](t, h, 204, "POST", "/reservations/r1/commit", "")
	expectAvailable(t, h, scarce, 1)
	expectOpen(t, h, 0)
	if late := call[contract.Reservation](t, h, 200, "PUT", "/reservations/r1", items(2, scarce)); late.State != "committed" {
		t.Fatalf("asked again after the commit: %+v", late)
	}
}

func TestCancel(t *testing.T) {
	for _, state := range []string{"open", "committed"} {
		t.Run(state, func(t *testing.T) {
			h := open(t)
			call[any](t, h, 201, "PUT", "/reservations/r1", items(2, scarce, plenty))
			if state == "committed" {
				call[any](t, h, 204, "POST", "/reservations/r1/commit", "")
			}
			call[any](t, h, 204, "DELETE", "/reservations/r1", "")
			call[any](t, h, 204, "DELETE", "/reservations/r1", "")
			expectAvailable(t, h, scarce, 3)
			expectOpen(t, h, 0)
			for method, path := range map[string]string{"PUT": "/reservations/r1", "POST": "/reservations/r1/commit"} {
				if problem := call[contract.Problem](t, h, 409, method, path, items(2, scarce)); problem.Code != "cancelled" {
					t.Fatalf("%s after the cancellation: %+v", method, problem)
				}
			}
		})
	}
}

func TestCancellationThatComesFirst(t *testing.T) {
	h := open(t)
	call[any](t, h, 204, "DELETE", "/reservations/r1", "")
	if problem := call[contract.Problem](t, h, 409, "PUT", "/reservations/r1", items(1, scarce)); problem.Code != "cancelled" {
		t.Fatalf("a reservation after its cancellation: %+v", problem)
	}
	expectAvailable(t, h, scarce, 3)
}

func TestOutOfStockReservesNothing(t *testing.T) {
	h := open(t)
	for _, short := range []string{scarce, none, "anvil"} {
		problem := call[contract.Problem](t, h, 409, "PUT", "/reservations/r-"+short, items(4, plenty, short))
		if problem.Code != "out-of-stock" || len(problem.Products) != 1 || problem.Products[0] != short {
			t.Fatalf("%s: %+v", short, problem)
		}
	}
	expectOpen(t, h, 0)
	expectAvailable(t, h, scarce, 3)
	// The id is free: nothing was held under it.
	call[any](t, h, 201, "PUT", "/reservations/r-"+scarce, items(3, scarce))
	expectAvailable(t, h, scarce, 0)
}

// Two replicas on one database share three turntables among ten customers.
func TestStockIsNeverSoldTwice(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	replicas := []http.Handler{openAt(t, path), openAt(t, path)}
	statuses := make([]int, 10)
	var customers sync.WaitGroup
	for i := range statuses {
		customers.Go(func() {
			statuses[i] = send(replicas[i%2], "PUT", fmt.Sprintf("/reservations/r%d", i), items(1, scarce)).Code
		})
	}
	customers.Wait()
	count := map[int]int{}
	for _, status := range statuses {
		count[status]++
	}
	if count[201] != 3 || count[409] != 7 {
		t.Fatalf("answers are %v", statuses)
	}
	expectAvailable(t, replicas[0], scarce, 0)
}

func TestReplicasMayStartTogether(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	var replicas sync.WaitGroup
	for range 3 {
		replicas.Go(func() {
			db, err := openDatabase(t.Context(), path)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = db.Close() }()
			if _, err := newService(t.Context(), store{db}); err != nil {
				t.Error(err)
			}
		})
	}
	replicas.Wait()
}

func TestStockOutlivesARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "inventory.db")
	before := openAt(t, path)
	call[any](t, before, 201, "PUT", "/reservations/r1", items(1, scarce))
	call[any](t, before, 204, "POST", "/reservations/r1/commit", "")
	expectAvailable(t, openAt(t, path), scarce, 2)
}

func TestStockOfSeveral(t *testing.T) {
	h := open(t)
	stock := call[contract.List[contract.Stock]](t, h, 200, "GET", "/api/stock?product=turntable-belt&product=anvil&product=paper-lantern", "").Items
	if len(stock) != 2 || stock[0] != (contract.Stock{ProductID: scarce, Available: 3}) || stock[1] != (contract.Stock{ProductID: none}) {
		t.Fatalf("stock is %+v", stock)
	}
}

func TestInventoryRefuses(t *testing.T) {
	h := open(t)
	call[any](t, h, 422, "GET", "/api/stock", "")
	call[any](t, h, 422, "PUT", "/reservations/r1", `{"items": []}`)
	call[any](t, h, 422, "PUT", "/reservations/r1", items(0, plenty))
	call[any](t, h, 422, "PUT", "/reservations/r1", items(1, plenty, plenty))
	call[any](t, h, 404, "POST", "/reservations/r1/commit", "")
}

// The two seed files are kept by two services; this is the one place where the shop's repository checks that they agree.
func TestSeedHasTheCatalogsProducts(t *testing.T) {
	file, err := os.ReadFile("../catalog/products.json")
	if err != nil {
		t.Skip("the catalog is not beside this service")
	}
	var products []struct{ ID string }
	var stock map[string]int
	if err := json.Unmarshal(file, &products); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(stockFile, &stock); err != nil {
		t.Fatal(err)
	}
	for _, product := range products {
		if _, found := stock[product.ID]; !found {
			t.Errorf("%s has no stock", product.ID)
		}
		delete(stock, product.ID)
	}
	if len(stock) > 0 {
		t.Errorf("stock of products that are not sold: %v", stock)
	}
}
