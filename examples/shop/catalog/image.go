package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"time"

	"example.com/shop/catalog/picture"
	"example.com/shop/contract"
)

// image draws a product. The picture only changes when the product does, so browsers keep it for a day and then ask by its tag.
func (s *service) image(w http.ResponseWriter, r *http.Request) error {
	product, shape, err := s.store.find(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	svg, err := picture.Draw(subjectOf(product, shape))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	w.Header().Set("Cache-Control", "public, max-age=86400")
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, sha256.Sum256(svg))[:17]+`"`)
	http.ServeContent(w, r, "image.svg", time.Time{}, bytes.NewReader(svg))
	return nil
}

func subjectOf(product contract.Product, shape string) picture.Subject {
	return picture.Subject{ID: product.ID, Name: product.Name, Category: product.Category, Shape: shape}
}
