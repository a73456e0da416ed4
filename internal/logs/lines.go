package logs

import (
	"bufio"
	"errors"
	"io"
)

// maxEntry is the longest line of a segment that is read: 64 KiB with every
// byte escaped, and the fields around it. A mark of very many streams may be
// longer than a record.
const maxEntry = 4 << 20

// lineReader reads whole lines of a part of a file.
type lineReader struct {
	r    *bufio.Reader
	at   int64
	long []byte
}

func newLineReader(f io.ReaderAt, from, to int64) *lineReader {
	return &lineReader{r: bufio.NewReaderSize(io.NewSectionReader(f, from, max(0, to-from)), 32<<10), at: from}
}

// next returns a line without its newline and the offset after it; whole is
// false at the end, also where a line has no newline. The line is valid until
// the next call; one that is too long comes back empty.
func (l *lineReader) next() (line []byte, next int64, whole bool) {
	l.long = l.long[:0]
	for {
		part, err := l.r.ReadSlice('\n')
		l.at += int64(len(part))
		if err == nil {
			if len(l.long) > 0 {
				part = append(l.long, part...)
				l.long = part
			}
			if len(part) > maxEntry {
				part = []byte{'\n'}
			}
			return part[:len(part)-1], l.at, true
		}
		if !errors.Is(err, bufio.ErrBufferFull) {
			return nil, l.at, false
		}
		if len(l.long) <= maxEntry {
			l.long = append(l.long, part...)
		}
	}
}
