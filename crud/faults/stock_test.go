package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"ackbase/server/client"
)

// stockListener is a stock client with connection state recovery: it knows nothing of cursors, and remembers
// its session and the last text that an event ended in.
type stockListener struct {
	socketListener
	round       *round
	pid, offset string // as JSON

	// sure says that the connection broke when nothing of since or of a recovery was still coming: an event had
	// ended in a text, or the first SUBSCRIBE was answered. Who was so is recovered.
	sure bool
}

func (l *stockListener) listen(ctx context.Context) error {
	auth := ""
	if !l.streams[0].begun() { // who has heard no answer knows nothing of a subscription either
		l.pid, l.offset = "", ""
	}
	if l.pid != "" {
		auth = fmt.Sprintf(`{"pid":%s`, l.pid)
		if l.offset != "" {
			auth += `,"offset":` + l.offset
		}
		auth += "}"
	}
	session, answer, cut, err := connect(ctx, l.url, l.polling, auth)
	if err != nil {
		l.sure = false // it may have been recovered, and what it missed on its way
		return err
	}
	defer cut()
	var connected struct{ PID json.RawMessage }
	if err := json.Unmarshal(answer, &connected); err != nil || len(connected.PID) == 0 {
		session.Drop()
		return fatal{fmt.Errorf("CONNECT was answered %s, without a pid", answer)}
	}
	recovered := string(connected.PID) == l.pid
	if l.pid != "" {
		l.round.recovery(recovered)
	}
	if l.pid != "" && l.sure && !recovered {
		session.Drop()
		return fatal{fmt.Errorf("%s: it was not recovered with the offset %s, though nothing was under way", l.streams[0].who, l.offset)}
	}
	l.pid, l.sure = string(connected.PID), !l.streams[0].begun()
	c := client.Start(session, l.event)
	defer c.Leave()
	if !recovered {
		for _, s := range l.streams {
			if err := s.subscribe(c); err != nil {
				return err
			}
		}
	}
	select {
	case <-c.Ended():
	case <-ctx.Done():
		cut()
		<-c.Ended()
	}
	if l.wrong != nil {
		return fatal{l.wrong}
	}
	return c.Err()
}

func (l *stockListener) event(name string, args []json.RawMessage) {
	l.socketListener.event(name, args)
	if n := len(args); n > 0 && bytes.HasPrefix(args[n-1], []byte(`"`)) {
		l.offset, l.sure = string(args[n-1]), true
	}
}
