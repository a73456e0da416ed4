package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// switchProtocols relays bytes both ways after a 101, until both sides ended or one broke.
func (x *exchange) switchProtocols(resp *http.Response, inst *instance) {
	up, ok := resp.Body.(io.ReadWriteCloser)
	want, got := x.r.Header.Get("Upgrade"), upgradeType(resp.Header)
	if !ok || want == "" || !strings.EqualFold(want, got) {
		_ = resp.Body.Close()
		x.answer(x.failed(UpstreamReset, inst, fmt.Sprintf("switches to %q, asked for %q", got, want)))
		return
	}
	defer up.Close()
	dropHopByHop(resp.Header)
	h := x.w.Header()
	x.copyHeader(h, resp.Header)
	h.Set("Connection", "Upgrade")
	h.Set("Upgrade", got)
	down, rw, err := x.rc.Hijack()
	if err != nil {
		x.answer(x.failed(Internal, inst, err.Error()))
		return
	}
	defer down.Close()
	defer x.e.track(down)()
	x.status = resp.StatusCode
	_ = down.SetDeadline(time.Time{})
	if err := writeSwitch(rw.Writer, resp.StatusCode, h); err != nil {
		x.fail = x.failed(ClientGone, inst, "")
		return
	}
	x.out = splice(down, rw.Reader, up)
	x.done = true
}

func writeSwitch(w *bufio.Writer, status int, h http.Header) error {
	if _, err := fmt.Fprintf(w, "HTTP/1.1 %03d %s\r\n", status, http.StatusText(status)); err != nil {
		return err
	}
	if err := h.Write(w); err != nil {
		return err
	}
	if _, err := w.WriteString("\r\n"); err != nil {
		return err
	}
	return w.Flush()
}

// splice relays between a client, of which buffered may hold bytes already, and
// an instance; it returns how much went to the client.
func splice(down net.Conn, buffered *bufio.Reader, up io.ReadWriteCloser) (out int64) {
	ended := make(chan struct{})
	go func() { // ends with either connection; waited for below
		defer close(ended)
		var src io.Reader = down
		if n := buffered.Buffered(); n > 0 {
			src = io.MultiReader(io.LimitReader(buffered, int64(n)), down)
		}
		_, err := io.Copy(up, src)
		if !halfClose(up) || err != nil {
			_ = up.Close()
			_ = down.Close()
		}
	}()
	out, err := io.Copy(down, up)
	if !halfClose(down) || err != nil {
		_ = down.Close()
		_ = up.Close()
	}
	<-ended
	return out
}

// halfClose ends the writing side alone and reports whether that was possible.
func halfClose(c any) bool {
	if cw, ok := c.(interface{ CloseWrite() error }); ok {
		return cw.CloseWrite() == nil
	}
	return false
}
