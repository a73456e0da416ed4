//go:build linux

package load

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// freshClient opens a connection for each request. The proxy closes it, as it
// was asked to.
type freshClient struct {
	h1client
	whole bool // the answer has come, the end of the connection has not
	open  bool
}

func (c *freshClient) start(due time.Time) error {
	fd, err := dial(c.run.addr)
	if err != nil {
		return err
	}
	c.out = out{loop: c.run.loop, fd: fd, to: socket(fd)}
	c.open, c.whole = true, false
	if err := c.loop.add(fd, c); err != nil {
		return err
	}
	return c.h1client.start(due)
}

func (c *freshClient) close() {
	if c.open {
		c.loop.remove(c.fd)
		c.open = false
	}
}

func (c *freshClient) ready(uint32) error {
	n, err := c.to.read(c.loop.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return fmt.Errorf("read an answer: %w", err)
	case n == 0 && !c.whole:
		return errors.New("the proxy closed a connection before the answer's end")
	case n == 0:
		c.close()
		c.busy = false
		return c.run.answered(c, c.due)
	case c.whole:
		return fmt.Errorf("%d bytes too many after an answer", n)
	}
	_, err = c.take(c.loop.scratch[:n], c.answer, func() (bool, error) { c.whole = true; return false, nil })
	return err
}
