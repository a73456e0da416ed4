package main

import (
	"encoding/base64"
	"strconv"

	"example.com/shop/contract"
)

// A cursor is the position of a page's last product. It is encoded so that nobody builds on what it holds.

func cursorAt(position int) string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.Itoa(position)))
}

// positionOf reads a cursor; the empty one stands before the first product.
func positionOf(cursor string) (int, error) {
	if cursor == "" {
		return -1, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		if position, err := strconv.Atoi(string(decoded)); err == nil {
			return position, nil
		}
	}
	return 0, contract.Invalid("after must be the next of an earlier page.")
}
