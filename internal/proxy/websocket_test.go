package proxy

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"github.com/coder/websocket"
)

// TestWebSockets: 100 clients at a time talk by a WebSocket library on both ends.
func TestWebSockets(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			if code, reason, ok := strings.Cut(string(b), " close "); ok {
				var n websocket.StatusCode
				_, _ = fmt.Sscan(code, &n)
				_ = c.Close(n, reason)
				return
			}
			if c.Write(context.Background(), kind, b) != nil {
				return
			}
		}
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	var clients sync.WaitGroup
	for i := range 100 {
		clients.Go(func() {
			c, _, err := websocket.Dial(ctx, gw, nil)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.CloseNow() }()
			c.SetReadLimit(-1)
			sizes := []int{0, 1, 125, 126, 65535, 65536, 100_000}
			if i == 0 {
				sizes = append(sizes, 1<<20, 16<<20)
			}
			for _, n := range sizes {
				b := bytes.Repeat([]byte{byte(i)}, n)
				if err := c.Write(ctx, websocket.MessageBinary, b); err != nil {
					t.Error(err)
					return
				}
				if kind, got, err := c.Read(ctx); err != nil || kind != websocket.MessageBinary || !bytes.Equal(got, b) {
					t.Errorf("client %d, %d bytes: %d came, %v", i, n, len(got), err)
					return
				}
			}
			code := []websocket.StatusCode{1000, 1001, 1003, 1008, 1011, 3000, 4999}[i%7]
			_ = c.Write(ctx, websocket.MessageText, fmt.Appendf(nil, "%d close reason %d", code, i))
			_, _, err = c.Read(ctx)
			if got := websocket.CloseStatus(err); got != code || !strings.Contains(err.Error(), fmt.Sprintf("reason %d", i)) {
				t.Errorf("client %d: %v, want %d", i, err, code)
			}
		})
	}
	clients.Wait()
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}
