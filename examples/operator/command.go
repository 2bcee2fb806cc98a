package main

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"ackbase/collections"
)

// command is what an operator can have done. All of them are here: nothing that is typed reaches a shell.
type command struct {
	name, usage string
	// do answers in lines, one call of say for each. An error is a line of the log as well.
	do func(ctx context.Context, d *desk, s *session, rest string, say func(string) error) error
}

const (
	maxCommand = 500 // bytes
	mostCounts = 20
)

var commands []command

func init() { // help names the others
	commands = []command{
		{"help", "help", func(_ context.Context, _ *desk, _ *session, _ string, say func(string) error) error {
			usages := make([]string, len(commands))
			for i, c := range commands {
				usages[i] = c.usage
			}
			return say(strings.Join(usages, " · "))
		}},
		{"echo", "echo TEXT", func(_ context.Context, _ *desk, _ *session, rest string, say func(string) error) error {
			return say(rest)
		}},
		{"time", "time", func(_ context.Context, _ *desk, _ *session, _ string, say func(string) error) error {
			return say(time.Now().UTC().Format(time.RFC3339))
		}},
		{"keys", "keys", func(_ context.Context, _ *desk, s *session, _ string, say func(string) error) error {
			if len(s.Keys) == 0 {
				return say("no keys")
			}
			return say(strings.Join(slices.Sorted(maps.Keys(s.Keys)), ", "))
		}},
		{"get", "get KEY", func(_ context.Context, _ *desk, s *session, rest string, say func(string) error) error {
			value, ok := s.Keys[rest]
			if !ok {
				return noKey(rest)
			}
			return say(value)
		}},
		{"set", "set KEY VALUE", setKey},
		{"delete", "delete KEY", func(ctx context.Context, d *desk, s *session, rest string, say func(string) error) error {
			if err := d.deleteKey(ctx, s, rest); err != nil {
				return err
			}
			return say(rest + " is deleted")
		}},
		{"count", "count N", count},
	}
}

func setKey(ctx context.Context, d *desk, s *session, rest string, say func(string) error) error {
	key, value, ok := strings.Cut(rest, " ")
	value = strings.TrimSpace(value)
	_, known := s.Keys[key]
	switch {
	case !ok || key == "" || value == "":
		return collections.Errorf(collections.ErrBadRequest, "set needs a key and a value, as in: set lights off")
	case len(key) > maxKey || len(value) > maxValue:
		return collections.Errorf(collections.ErrTooLarge, "a key has %d bytes at the most, its value %d", maxKey, maxValue)
	case key == "__proto__":
		return collections.Errorf(collections.ErrBadRequest, "a key cannot be called __proto__")
	case !known && len(s.Keys) >= mostKeys:
		return collections.Errorf(collections.ErrTooLarge, "a session has %d keys at the most: delete one first", mostKeys)
	}
	if err := d.set(ctx, s, key, &value, "set "+key); err != nil {
		return err
	}
	return say(key + " is " + value)
}

// count is a command that takes its time: it answers line by line.
func count(ctx context.Context, _ *desk, _ *session, rest string, say func(string) error) error {
	n, err := strconv.Atoi(rest)
	if err != nil || n < 1 || n > mostCounts {
		return collections.Errorf(collections.ErrBadRequest, "count needs a number from 1 to %d, as in: count 3", mostCounts)
	}
	for i := range n {
		if err := say(strconv.Itoa(i + 1)); err != nil {
			return err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func noKey(key string) error {
	return collections.Errorf(collections.ErrNotFound, "there is no key %q: keys lists those there are", key)
}

// deleteKey is session-delete-key, and the command delete.
func (d *desk) deleteKey(ctx context.Context, s *session, key string) error {
	if _, ok := s.Keys[key]; !ok {
		return noKey(key)
	}
	return d.set(ctx, s, key, nil, "deleted "+key)
}

// parse reads what an operator typed.
func parse(text string) (c command, rest string, err error) {
	text = strings.TrimSpace(text)
	switch {
	case text == "":
		return c, "", collections.Errorf(collections.ErrBadRequest, "a command is a word and what it needs: help lists them")
	case len(text) > maxCommand || !utf8.ValidString(text):
		return c, "", collections.Errorf(collections.ErrTooLarge, "a command has %d bytes at the most", maxCommand)
	}
	name, rest, _ := strings.Cut(text, " ")
	at := slices.IndexFunc(commands, func(c command) bool { return c.name == name })
	if at < 0 {
		return c, "", collections.Errorf(collections.ErrNotFound, "%s", fmt.Sprintf("there is no command %q: help lists those there are", name))
	}
	return commands[at], strings.TrimSpace(rest), nil
}
