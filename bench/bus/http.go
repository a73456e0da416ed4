//go:build linux

package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
)

// httpPublisher writes its requests itself, as net/http's client would take a good
// part of the machine from what is measured.
type httpPublisher struct {
	conn    net.Conn
	reader  *bufio.Reader
	host    string
	data    string // a JSON string
	request []byte
}

// newHTTPPublisher connects to host:port, where $BANYAN_URL of a service leads.
func newHTTPPublisher(ctx context.Context, host string, bytes int) (*httpPublisher, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", host)
	if err != nil {
		return nil, err
	}
	return &httpPublisher{conn: conn, reader: bufio.NewReader(conn), host: host, data: `"` + strings.Repeat("x", bytes-2) + `"`}, nil
}

func (p *httpPublisher) publish(_ context.Context, ids []uint64, durable *atomic.Int64) (err error) {
	if len(ids) == 1 {
		err = p.post("load", ids[0], p.data)
	} else {
		err = p.batch("load", ids, p.data)
	}
	if err == nil {
		durable.Add(int64(len(ids)))
	}
	return err
}

// post publishes an event in binary mode.
func (p *httpPublisher) post(topic string, id uint64, data string) error {
	b := p.head(topic, "application/json")
	b = append(b, "Ce-Specversion: 1.0\r\nCe-Source: /bench\r\nCe-Type: load\r\nCe-Id: "...)
	b = strconv.AppendUint(b, id, 10)
	b = append(b, "\r\n"...)
	return p.send(b, data)
}

func (p *httpPublisher) batch(topic string, ids []uint64, data string) error {
	var body strings.Builder
	for i, id := range ids {
		fmt.Fprintf(&body, `%c{"specversion":"1.0","source":"/bench","type":"load","id":"%d","data":%s}`, "[,"[min(i, 1)], id, data)
	}
	body.WriteByte(']')
	return p.send(p.head(topic, "application/cloudevents-batch+json"), body.String())
}

func (p *httpPublisher) head(topic, contentType string) []byte {
	return append(p.request[:0], "POST /v1/topics/"+topic+" HTTP/1.1\r\nHost: "+p.host+"\r\nContent-Type: "+contentType+"\r\n"...)
}

func (p *httpPublisher) send(b []byte, body string) error {
	b = append(b, "Content-Length: "...)
	b = strconv.AppendInt(b, int64(len(body)), 10)
	b = append(append(b, "\r\n\r\n"...), body...)
	p.request = b
	if _, err := p.conn.Write(b); err != nil {
		return err
	}
	res, err := http.ReadResponse(p.reader, nil)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		return err
	}
	if err := res.Body.Close(); err != nil {
		return err
	}
	if res.StatusCode != http.StatusCreated {
		return fmt.Errorf("%s: %s", res.Status, answer)
	}
	return nil
}

func (p *httpPublisher) close() { _ = p.conn.Close() } // nothing is under way
