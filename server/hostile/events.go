package hostile

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// begins reads the head of a response whose body goes on: a stream of server-sent events.
func (p *player) begins(status string) error {
	c := p.conn
	response, err := c.head()
	if err != nil {
		return err
	}
	if !matches(status, strconv.Itoa(response.StatusCode)) {
		body, _ := io.ReadAll(response.Body)
		return fmt.Errorf("answered %d %.200s, want %s", response.StatusCode, body, status)
	}
	c.events = bufio.NewReader(response.Body)
	return nil
}

// heardEvent reads the next server-sent event, as "NAME DATA". Comments, and what says nothing of an event, are passed over.
func (p *player) heardEvent(pattern string) error {
	c := p.conn
	if c.events == nil {
		return errors.New("no stream has begun here")
	}
	var name, data string
	for name == "" {
		for {
			line, err := c.events.ReadString('\n')
			if err != nil {
				return err
			}
			if line = strings.TrimSuffix(line, "\n"); line == "" {
				break
			}
			switch field, value, _ := strings.Cut(line, ": "); field {
			case "event":
				name = value
			case "id":
				p.event = value
			case "data":
				data = value
			}
		}
	}
	if got := name + " " + data; !matches(pattern, got) {
		return fmt.Errorf("the next event is %.300q, want %.300q", got, pattern)
	}
	return nil
}

// headerIs looks at a header of the last response: "NAME: PATTERN". One that is not there is empty.
func (p *player) headerIs(text string) error {
	name, pattern, ok := strings.Cut(text, ":")
	if !ok || p.conn.header == nil {
		return errors.New("header wants NAME: PATTERN, and a response before it")
	}
	if got := strings.Join(p.conn.header.Values(name), " / "); !matches(strings.TrimSpace(pattern), got) {
		return fmt.Errorf("%s is %.200q", name, got)
	}
	return nil
}
