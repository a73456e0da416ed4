package main

import (
	"context"
	"strings"
	"testing"

	"example.com/shop/contract"
)

// newService lets the helper open this service as it does the others.
func newService(_ context.Context, store store) (*service, error) { return &service{store}, nil }

const parcel = `{"order_id": "o1", "user_id": "u1", "items": [{"product_id": "mug", "quantity": 2}]}`

func TestShipOnceAndCancel(t *testing.T) {
	h := open(t)
	first := call[contract.Shipment](t, h, 201, "PUT", "/shipments/s1", parcel)
	again := call[contract.Shipment](t, h, 200, "PUT", "/shipments/s1", parcel)
	if first != again || first.State != "preparing" || !strings.HasPrefix(first.Tracking, "BNY") {
		t.Fatalf("shipped %+v, then %+v", first, again)
	}
	call[any](t, h, 422, "PUT", "/shipments/s1", strings.Replace(parcel, "o1", "o2", 1))

	call[any](t, h, 204, "DELETE", "/shipments/s1", "")
	call[any](t, h, 204, "DELETE", "/shipments/s1", "")
	if problem := call[contract.Problem](t, h, 409, "PUT", "/shipments/s1", parcel); problem.Code != "cancelled" {
		t.Fatalf("a shipment after its cancellation: %+v", problem)
	}
	shipments := call[contract.List[contract.Shipment]](t, h, 200, "GET", "/shipments?order_id=o1", "").Items
	if len(shipments) != 1 || shipments[0].State != "cancelled" {
		t.Fatalf("shipments of o1: %+v", shipments)
	}
}

func TestCancellationThatComesFirst(t *testing.T) {
	h := open(t)
	call[any](t, h, 204, "DELETE", "/shipments/s1", "")
	call[any](t, h, 409, "PUT", "/shipments/s1", parcel)
}

func TestShipmentsOfAnOrder(t *testing.T) {
	h := open(t)
	call[any](t, h, 201, "PUT", "/shipments/s1", parcel)
	call[any](t, h, 201, "PUT", "/shipments/s2", strings.Replace(parcel, "o1", "o2", 1))
	for path, want := range map[string]int{"/shipments": 2, "/shipments?order_id=o2": 1, "/shipments?order_id=o3": 0} {
		shipments := call[contract.List[contract.Shipment]](t, h, 200, "GET", path, "").Items
		if len(shipments) != want || shipments == nil {
			t.Fatalf("%s: %+v, want %d", path, shipments, want)
		}
	}
}

func TestShippingRefuses(t *testing.T) {
	h := open(t)
	call[any](t, h, 422, "PUT", "/shipments/s1", `{"order_id": "", "items": [{"product_id": "mug", "quantity": 2}]}`)
	call[any](t, h, 422, "PUT", "/shipments/s1", `{"order_id": "o1", "items": []}`)
	call[any](t, h, 400, "PUT", "/shipments/s1", `[`)
}
